"""One careful sentence about runs: which did best on the test images, and whether that settles anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from core.analysis.intervals import wilson_interval
from core.analysis.measured import Measured, measured
from core.analysis.settings import labels
from core.analysis.words import count, percent
from core.experiment.run import Run
from core.experiment.store import RunStore


@dataclass(frozen=True)
class _Group:
    """Runs of the same settings, each with another seed. `tests` are the manifests they were tested by."""

    name: str
    accuracies: tuple[float, ...]
    tests: tuple[int, ...]
    images: int | None

    @property
    def accuracy(self) -> float:
        return fmean(self.accuracies)


def headline(store: RunStore, runs: Sequence[Run]) -> str:
    """What the runs say on the test images, in plain words; what keeps it from being said, where something does.

    Means over seeds are compared. Raises `NoSuchRun`.
    """
    results = {run.id: measured(store.evaluation(run.id)) for run in runs}
    tested = [run for run in runs if results[run.id].accuracy is not None]
    if not tested:
        return "None of these runs has been measured on the test images yet."
    groups = _groups(store, tested, results)
    return " ".join(part for part in (_verdict(groups), _missing(len(runs) - len(tested), len(runs))) if part)


def _groups(store: RunStore, tested: Sequence[Run], results: dict[str, Measured]) -> list[_Group]:
    """The best first."""
    alike: dict[object, list[Run]] = {}
    for run in tested:
        alike.setdefault(replace(run.config, seed=0, split_seed=0) if run.config else run.id, []).append(run)
    names = labels([members[0] for members in alike.values()])
    groups = [_Group(names[members[0].id], tuple(results[run.id].accuracy or 0.0 for run in members),
                     tuple(sorted(_test_of(store, run) for run in members)), results[members[0].id].test_images)
              for members in alike.values()]
    return sorted(groups, key=lambda group: -group.accuracy)


def _test_of(store: RunStore, run: Run) -> int:
    """Tells test splits apart: runs of the same manifest were tested on the same images."""
    try:
        return hash(store.manifest(run.id))
    except (OSError, ValueError):
        return hash((run.config.data, run.config.split_seed) if run.config else run.id)


def _verdict(groups: Sequence[_Group]) -> str:
    best, *others = groups
    if not others:
        return _alone(best)
    if any(group.tests != best.tests for group in others):
        return ("These runs were not tested on the same images, so their test accuracies do not compare. "
                "Choose runs of one study.")
    second, share = others[0], percent(best.accuracy) + (" on average" if len(best.accuracies) > 1 else "")
    if round(best.accuracy - second.accuracy, 9) <= 0:
        return f"{best.name} and {_inside(second.name)} did equally well on the test images: {share} {_basis(groups)}."
    ahead = f"{100 * (best.accuracy - second.accuracy):.1f} points above {_inside(second.name)}"
    sentence = f"{best.name} did best on the test images: {share}, {ahead} {_basis(groups)}."
    return f"{sentence} {_doubt(best)}" if _overlap(best, second) else sentence


def _alone(group: _Group) -> str:
    seeds = len(group.accuracies)
    if seeds > 1:
        return (f"{group.name} names {percent(group.accuracy)} of the test images right on average over "
                f"{seeds} runs, from {percent(min(group.accuracies))} to {percent(max(group.accuracies))}.")
    if not group.images:
        return f"{group.name} names {percent(group.accuracy)} of the test images right."
    low, high = wilson_interval(group.accuracy, group.images)
    return (f"{group.name} names {percent(group.accuracy)} of {count(group.images, 'test image')} right; "
            f"on all such images that may be {percent(low)} to {percent(high)}.")


def _basis(groups: Sequence[_Group]) -> str:
    """`(379 images, one seed)`"""
    runs = sorted({len(group.accuracies) for group in groups})
    seeds = f"{runs[0]} to {runs[-1]} runs" if len(runs) > 1 else f"{runs[0]} seeds" if runs != [1] else "one seed"
    return f"({count(groups[0].images, 'image')}, {seeds})" if groups[0].images else f"({seeds})"


def _overlap(best: _Group, second: _Group) -> bool:
    """Whether the intervals do, or the seeds: for means too the images of one test split are the measure of doubt."""
    if min(best.accuracies) <= max(second.accuracies):
        return True
    if not best.images or not second.images:
        return False
    return wilson_interval(best.accuracy, best.images)[0] <= wilson_interval(second.accuracy, second.images)[1]


def _doubt(best: _Group) -> str:
    what = "one run each does" if len(best.accuracies) == 1 else "so few images and seeds do"
    return f"Their intervals overlap: {what} not settle it."


def _missing(missing: int, runs: int) -> str:
    return f"{missing} of {runs} runs {'has' if missing == 1 else 'have'} no result on test images." if missing else ""


def _inside(name: str) -> str:
    """A name within a sentence."""
    return name[:1].lower() + name[1:]
