"""Runs as replicates of settings: what each was tested on, and which images it named right."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from statistics import fmean
from sys import intern

import numpy as np

from core.analysis.results.evaluation_file import EvaluationFigures
from core.analysis.results.settings import group_by_setting, run_labels
from core.data.datasets.split import TEST_TO_TRAINING
from core.experiment.runs.index import Stamp, stamp_of
from core.experiment.runs.run import AnyRun, Run
from core.experiment.runs.run_store import RunStore

_KEPT_SPLITS, _KEPT_ANSWERS = 1_000, 64
"""Runs whose split, or answers, are known without being read again: those asked about last. Answers take room."""


@dataclass(frozen=True)
class Split:
    """What a run was tested on: equal numbers, the same images; test images over training images; images in all."""

    test: int
    share: float = TEST_TO_TRAINING
    images: int | None = None


@dataclass(frozen=True)
class SavedPredictions:
    """What a run said of each test image, by the images' paths: true class, class it named, and the (images, classes)
    probabilities of `classes`, none where those were not written down.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    named: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: np.ndarray

    @cached_property
    def confidence(self) -> np.ndarray:
        """(images,) the probability of the class it named, 0 to 1; nan where that is not known."""
        return self.probabilities.max(axis=1) if self.classes else np.full(len(self.paths), np.nan)

    @cached_property
    def right(self) -> np.ndarray:
        """(images,) whether it named each right."""
        return np.array([label == named for label, named in zip(self.labels, self.named, strict=True)])


@dataclass(frozen=True)
class Result:
    """One run on its test images. `seconds` is what it would take to train with nothing kept before."""

    run_id: str
    accuracy: float
    images: int | None
    classes: tuple[str, ...]
    split: Split
    seed: int | str
    seconds: float


@dataclass(frozen=True)
class Group:
    """Runs of the same settings, which differ in nothing but their seeds."""

    name: str
    data: str
    results: tuple[Result, ...]

    @property
    def accuracies(self) -> list[float]:
        return [result.accuracy for result in self.results]

    @property
    def accuracy(self) -> float:
        """Each test split weighs the same, however many runs were tested on it."""
        return fmean(fmean(r.accuracy for r in self.results if r.split.test == test) for test in self.tests)

    @property
    def tests(self) -> set[int]:
        return {result.split.test for result in self.results}

    @property
    def images(self) -> int | None:
        """Test images of one replicate."""
        return self.results[0].images

    @property
    def seconds(self) -> float:
        return fmean(result.seconds for result in self.results)

    def on(self, tests: set[int]) -> "Group":
        """Only what was measured on these test splits."""
        return replace(self, results=tuple(result for result in self.results if result.split.test in tests))

    def by_replicate(self) -> dict[tuple[int, int | str], list[Result]]:
        """Results by test images and seed."""
        found: dict[tuple[int, int | str], list[Result]] = {}
        for result in self.results:
            found.setdefault((result.split.test, result.seed), []).append(result)
        return found


def groups_of(store: RunStore, tested: Sequence[AnyRun], results: dict[str, EvaluationFigures]) -> list[Group]:
    """The runs by their settings. Raises `NoSuchRun`."""
    settings = group_by_setting(tested)
    names = run_labels([setting for setting, _ in settings])
    return [
        Group(
            names[setting.id],
            setting.config.data if isinstance(setting, Run) else setting.id,
            tuple(_result(store, run, results[run.id]) for run in members),
        )
        for setting, members in settings
    ]


def _result(store: RunStore, run: AnyRun, result: EvaluationFigures) -> Result:
    seed = run.config.seed if isinstance(run, Run) else run.id
    return Result(
        run.id,
        result.accuracy or 0.0,
        result.test_images,
        result.classes,
        split_of(store, run),
        seed,
        store.metrics(run.id).elapsed + run.status.saved_seconds,
    )


def split_of(store: RunStore, run: AnyRun) -> Split:
    """What a run was tested on; a guess from its settings where its manifest cannot be read. Raises `NoSuchRun`."""
    try:
        return _read_split(store, run.id, stamp_of(store.path(run.id) / "manifest.csv"))
    except (OSError, ValueError):
        return Split(hash((run.config.data, run.config.split_seed) if isinstance(run, Run) else run.id))


@lru_cache(_KEPT_SPLITS)
def _read_split(store: RunStore, run_id: str, _stamp: Stamp) -> Split:
    """The split of a manifest, as it is at this stamp. Raises `OSError`; `ValueError` without test images."""
    lines = store.manifest(run_id).splitlines()
    tests = [line for line in lines if line.endswith((',"test"', ",test"))]
    if not tests:
        raise ValueError(f"Expected test images in the manifest of {run_id}; received none.")
    train = sum(line.endswith((',"train"', ",train")) for line in lines)
    return Split(hash(tuple(tests)), len(tests) / max(1, train), len(lines) - 1)


def saved_predictions(store: RunStore, run_id: str) -> SavedPredictions | None:
    """What a run said of its test images; None where that was not written down. Raises `NoSuchRun`."""
    try:
        return _read_answers(store, run_id, stamp_of(store.path(run_id) / "predictions.csv"))
    except (OSError, ValueError, csv.Error):
        return None


@lru_cache(_KEPT_ANSWERS)
def _read_answers(store: RunStore, run_id: str, _stamp: Stamp) -> SavedPredictions:
    header, *rows = csv.reader(store.predictions(run_id).splitlines())
    path, label, named = (header.index(name) for name in ("path", "label", "predicted"))
    shares = [number for number, name in enumerate(header) if name.startswith("p_")]
    if not rows or any(len(row) != len(header) for row in rows):
        raise ValueError(f"Expected a line an image in predictions.csv of {run_id}; received another form.")
    told = (tuple(intern(row[number]) for row in rows) for number in (path, label, named))  # runs share these texts
    probabilities = np.array([[row[number] for number in shares] for row in rows], dtype=np.float64)
    return SavedPredictions(*told, tuple(header[number].removeprefix("p_") for number in shares), probabilities)
