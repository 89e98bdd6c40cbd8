"""One careful sentence about runs: which did best on the test images, and whether that settles anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import fmean

from core.analysis.intervals import wilson_interval
from core.analysis.measured import Measured, measured
from core.analysis.settings import labels
from core.analysis.words import count, percent
from core.experiment.index import Stamp, stamp_of
from core.experiment.run import Run
from core.experiment.store import RunStore

_KEPT_TESTS = 1_000
"""Manifests whose test images are known by a number: those asked about last."""


@dataclass(frozen=True)
class _Result:
    """One run: its accuracy, on how many images, which test split that was (a number) and the seed it trained with."""

    accuracy: float
    images: int | None
    test: int
    seed: int | str


@dataclass(frozen=True)
class _Group:
    """Runs of the same settings."""

    name: str
    results: tuple[_Result, ...]

    @property
    def accuracies(self) -> list[float]:
        return [result.accuracy for result in self.results]

    @property
    def accuracy(self) -> float:
        """Each test split weighs the same, however many runs were tested on it."""
        return fmean(fmean(r.accuracy for r in self.results if r.test == test) for test in self.tests)

    @property
    def tests(self) -> set[int]:
        return {result.test for result in self.results}

    @property
    def seeds(self) -> int:
        return len({result.seed for result in self.results})

    @property
    def images(self) -> int | None:
        return self.results[0].images

    def on(self, tests: set[int]) -> "_Group":
        """Only what was measured on these test splits."""
        return replace(self, results=tuple(result for result in self.results if result.test in tests))


def headline(store: RunStore, runs: Sequence[Run]) -> str:
    """What the runs say on the test images, in plain words; what keeps it from being said, where something does.

    Means over seeds are compared, on the test images that all settings share. Raises `NoSuchRun`.
    """
    results = {run.id: measured(store.evaluation(run.id)) for run in runs}
    tested = [run for run in runs if results[run.id].accuracy is not None]
    if not tested:
        return "None of these runs has been measured on the test images yet."
    groups = _groups(store, tested, results)
    said = _alone(groups[0]) if len(groups) == 1 else _compared(groups)
    classes = max(len(results[run.id].classes) for run in tested)
    parts = said, _guessing(groups, classes), _missing(len(runs) - len(tested), len(runs))
    return " ".join(part for part in parts if part)


def _guessing(groups: Sequence[_Group], classes: int) -> str:
    """Where the best is no better than naming any of the classes."""
    best = max(groups, key=lambda group: group.accuracy)
    if not classes or not best.images or wilson_interval(best.accuracy, best.images)[0] > 1 / classes:
        return ""
    return f"That is no better than guessing among {classes} classes: {percent(1 / classes)}."


def _groups(store: RunStore, tested: Sequence[Run], results: dict[str, Measured]) -> list[_Group]:
    alike: dict[object, list[Run]] = {}
    for run in tested:
        alike.setdefault(run.config.without_seeds() if run.config else run.id, []).append(run)
    named = [replace(run, config=run.config.without_seeds()) if run.config else run
             for run, *_ in alike.values()]  # a name for the settings, whichever seed is the first
    names = labels(named)
    return [_Group(names[members[0].id], tuple(_result(store, run, results[run.id]) for run in members))
            for members in alike.values()]


def _result(store: RunStore, run: Run, result: Measured) -> _Result:
    return _Result(result.accuracy or 0.0, result.test_images, _test_of(store, run),
                   run.config.seed if run.config else run.id)


def _test_of(store: RunStore, run: Run) -> int:
    """Tells test splits apart: equal numbers, the same images."""
    try:
        return _test_images(store, run.id, stamp_of(store.path(run.id) / "manifest.csv"))
    except (OSError, ValueError):
        return hash((run.config.data, run.config.split_seed) if run.config else run.id)


@lru_cache(_KEPT_TESTS)
def _test_images(store: RunStore, run_id: str, _stamp: Stamp) -> int:
    """A number for the test lines of a manifest, as it is at this stamp. Raises `OSError`; `ValueError` without any."""
    lines = [line for line in store.manifest(run_id).splitlines() if line.endswith((',"test"', ",test"))]
    if not lines:
        raise ValueError(f"Expected test images in the manifest of {run_id}; received none.")
    return hash(tuple(lines))


def _compared(groups: Sequence[_Group]) -> str:
    shared = set.intersection(*(group.tests for group in groups))
    if not shared:
        return ("These runs were not tested on the same images, so their test accuracies do not compare. "
                "Choose runs of one study and one seed.")
    fair = sorted((group.on(shared) for group in groups), key=lambda group: -group.accuracy)
    left_out = sum(len(group.results) for group in groups) - sum(len(group.results) for group in fair)
    said = _verdict(fair)
    return f"{said} {count(left_out, 'run')} on other test images left out." if left_out else said


def _verdict(groups: Sequence[_Group]) -> str:
    """Of groups tested on the same images, the best first."""
    best, second = groups[:2]
    share = percent(best.accuracy) + (" on average" if len(best.results) > 1 else "")
    equal = [group.name for group in groups if round(best.accuracy - group.accuracy, 9) <= 0]
    if len(equal) > 1:
        names = [equal[0], *map(_inside, equal[1:])]
        return (f"{', '.join(names[:-1])} and {names[-1]} did equally well on the test images: "
                f"{share} {_basis(groups)}.")
    ahead = f"{100 * (best.accuracy - second.accuracy):.1f} points above {_inside(second.name)}"
    sentence = f"{best.name} did best on the test images: {share}, {ahead} {_basis(groups)}."
    return f"{sentence} {_doubt(best, second)}" if _overlap(best, second) else sentence


def _alone(group: _Group) -> str:
    runs = len(group.results)
    if runs > 1:
        return (f"{group.name} names {percent(group.accuracy)} of the test images right on average over "
                f"{runs} runs, from {percent(min(group.accuracies))} to {percent(max(group.accuracies))}.")
    if not group.images:
        return f"{group.name} names {percent(group.accuracy)} of the test images right."
    low, high = wilson_interval(group.accuracy, group.images)
    return (f"{group.name} names {percent(group.accuracy)} of {count(group.images, 'test image')} right; "
            f"on all such images that may be {percent(low)} to {percent(high)}.")


def _basis(groups: Sequence[_Group]) -> str:
    """`(379 images, one seed)`"""
    found = sorted({group.seeds for group in groups})
    seeds = " to ".join(map(str, dict.fromkeys((found[0], found[-1])))) + " seeds" if found != [1] else "one seed"
    return f"({count(groups[0].images, 'image')}, {seeds})" if groups[0].images else f"({seeds})"


def _overlap(best: _Group, second: _Group) -> bool:
    """Whether the intervals do, or the seeds: for means too the images of one test split are the measure of doubt."""
    if min(best.accuracies) <= max(second.accuracies):
        return True
    if not best.images or not second.images:
        return False
    return wilson_interval(best.accuracy, best.images)[0] <= wilson_interval(second.accuracy, second.images)[1]


def _doubt(best: _Group, second: _Group) -> str:
    what = "one run each does" if len(best.results) == len(second.results) == 1 else "so few images and seeds do"
    return f"Their intervals overlap: {what} not settle it."


def _missing(missing: int, runs: int) -> str:
    return f"{missing} of {runs} runs {'has' if missing == 1 else 'have'} no result on test images." if missing else ""


def _inside(name: str) -> str:
    """A name within a sentence."""
    return name[:1].lower() + name[1:]
