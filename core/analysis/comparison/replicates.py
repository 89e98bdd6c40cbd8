"""Group runs into settings and replicates, and read their test splits and saved test predictions."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from statistics import fmean
from sys import intern

import numpy as np

from core.analysis.results.evaluation_file import EvaluationFigures
from core.analysis.results.settings import group_by_setting, run_labels
from core.data.datasets.split import TEST_TO_TRAINING
from core.experiment.growth_limits import MAX_SEEDS
from core.experiment.runs.index import FileStamp, file_stamp
from core.experiment.runs.run import AnyRun, Run
from core.experiment.runs.run_store import RunStore

_MAX_SPLITS, _MAX_PREDICTIONS = 1_000, 256
"""Numbers of runs whose splits and whose test predictions are cached; predictions need much more memory."""


@dataclass(frozen=True)
class Split:
    """Split of a run's images.

    Args:
        test_id: hash of the test images; equal for runs that were tested on the same images.
        test_to_train: number of test images divided by number of training images.
        images: total number of images; None if unknown.
    """

    test_id: int
    test_to_train: float = TEST_TO_TRAINING
    images: int | None = None


@dataclass(frozen=True)
class SavedPredictions:
    """A run's predictions on its test images, one entry per image.

    Args:
        paths: of the images.
        labels: true classes.
        predicted: predicted classes.
        classes: columns of `probabilities`; empty if no probabilities were saved.
        probabilities: (images, classes), 0 to 1.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    predicted: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: np.ndarray

    @cached_property
    def confidence(self) -> np.ndarray:
        """(images,) probability of the predicted class, 0 to 1; nan if no probabilities were saved."""
        return self.probabilities.max(axis=1) if self.classes else np.full(len(self.paths), np.nan)

    @cached_property
    def correct(self) -> np.ndarray:
        """(images,) booleans: whether the prediction is correct."""
        return np.array([label == predicted for label, predicted in zip(self.labels, self.predicted, strict=True)])


@dataclass(frozen=True)
class Result:
    """Test result of one run.

    Args:
        seconds: training time without previously cached features.
        largest_class: name and share of the largest class of the test images; None if unknown or if all are equal.
        balanced_accuracy: None unless the classes of the test images are very unequal.
    """

    run_id: str
    accuracy: float
    images: int | None
    classes: tuple[str, ...]
    split: Split
    seed: int | str
    seconds: float
    largest_class: tuple[str, float] | None = None
    balanced_accuracy: float | None = None


Replicate = list[Result]
"""Results of the trainings of one setting with one seed, usually a single one."""


@dataclass(frozen=True)
class Group:
    """Results of the runs of one setting, which differ only in their seeds."""

    name: str
    data: str
    results: tuple[Result, ...]

    @property
    def accuracies(self) -> list[float]:
        return [result.accuracy for result in self.results]

    @property
    def accuracy(self) -> float:
        """Mean test accuracy; each test split has the same weight, regardless of the number of runs tested on it."""
        return fmean(
            fmean(result.accuracy for result in self.results if result.split.test_id == test_id)
            for test_id in self.test_splits
        )

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean balanced accuracy; None unless the classes of the test images are very unequal."""
        known = [result.balanced_accuracy for result in self.results if result.balanced_accuracy is not None]
        return fmean(known) if known else None

    @property
    def test_splits(self) -> set[int]:
        return {result.split.test_id for result in self.results}

    @property
    def images(self) -> int | None:
        """Number of test images of one replicate."""
        return self.results[0].images

    @property
    def test_to_train(self) -> float:
        """Number of test images divided by number of training images of one replicate."""
        return self.results[0].split.test_to_train

    @property
    def seconds(self) -> float:
        return fmean(result.seconds for result in self.results)

    def restricted_to(self, test_splits: set[int]) -> "Group":
        """Return the group with only the results measured on these test splits."""
        return replace(self, results=tuple(result for result in self.results if result.split.test_id in test_splits))

    def replicates(self) -> dict[tuple[int, int | str], Replicate]:
        """Results by (test split, seed)."""
        replicates: dict[tuple[int, int | str], Replicate] = {}
        for result in self.results:
            replicates.setdefault((result.split.test_id, result.seed), []).append(result)
        return replicates


def groups_of(store: RunStore, tested: Sequence[AnyRun], results: dict[str, EvaluationFigures]) -> list[Group]:
    """Group tested runs by setting. Raises `NoSuchRun`."""
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


def adjusted_accuracies(groups: Sequence[Group]) -> dict[str, float]:
    """Accuracy of each setting, by name, adjusted for test splits that not all of them have.

    The means of a two-way layout, setting + test split, by least squares: a setting is not ranked higher because its
    splits happened to be easy. They are the plain means if all settings have the same splits, or none in common.
    """
    splits = sorted({test_id for group in groups for test_id in group.test_splits})
    if len({frozenset(group.test_splits) for group in groups}) < 2 or len(splits) == sum(
        len(group.test_splits) for group in groups
    ):
        return {group.name: group.accuracy for group in groups}
    cells = [(number, result) for number, group in enumerate(groups) for result in group.results]
    design = np.zeros((len(cells), len(groups) + len(splits)))
    rows = np.arange(len(cells))
    design[rows, [number for number, _ in cells]] = 1
    design[rows, [len(groups) + splits.index(result.split.test_id) for _, result in cells]] = 1
    effects = np.linalg.lstsq(design, np.array([result.accuracy for _, result in cells]), rcond=None)[0]
    return {group.name: float(effects[number]) for number, group in enumerate(groups)}


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
        result.largest_class,
        result.balanced_accuracy if result.is_unbalanced else None,
    )


def split_of(store: RunStore, run: AnyRun) -> Split:
    """Split of a run, derived from its settings if its manifest cannot be read. Raises `NoSuchRun`."""
    try:
        return _read_split(store, run.id, file_stamp(store.path(run.id) / "manifest.csv"))
    except (OSError, ValueError, csv.Error):
        return Split(hash((run.config.data, run.config.split_seed) if isinstance(run, Run) else run.id))


@lru_cache(_MAX_SPLITS)
def _read_split(store: RunStore, run_id: str, _stamp: FileStamp) -> Split:
    """Read the split from a run's manifest; `_stamp` is part of the cache key, so that a changed file is read again.

    Raises `OSError`, and `ValueError` for a damaged file and if there are no test images.
    """
    return _parse_split(store.manifest(run_id))


@lru_cache(MAX_SEEDS)
def _parse_split(manifest: str) -> Split:
    """Parse a manifest, that of each seed of a study once: all strategies have the same.

    The test images are compared by path, content and class, which manifests of all versions have in common. Raises
    `ValueError` for a damaged manifest and if there are no test images.
    """
    header, *rows = csv.reader(io.StringIO(manifest, newline=""))
    identity, part = [header.index(name) for name in ("path", "hash", "label")], header.index("split")
    if any(len(row) != len(header) for row in rows):
        raise ValueError("Expected one row per image in the manifest; received a damaged file.")
    tests = tuple(tuple(row[column] for column in identity) for row in rows if row[part] == "test")
    if not tests:
        raise ValueError("Expected test images in the manifest; received none.")
    train = sum(row[part] == "train" for row in rows)
    return Split(hash(tests), len(tests) / max(1, train), len(rows))


def saved_predictions(store: RunStore, run_id: str) -> SavedPredictions | None:
    """Test predictions of a run; None if it has none that can be read. Raises `NoSuchRun`."""
    try:
        return _read_predictions(store, run_id, file_stamp(store.path(run_id) / "predictions.csv"))
    except (OSError, ValueError, csv.Error):
        return None


@lru_cache(_MAX_PREDICTIONS)
def _read_predictions(store: RunStore, run_id: str, _stamp: FileStamp) -> SavedPredictions:
    """Read predictions.csv. Raises `OSError`, `csv.Error`, and `ValueError` for a damaged file."""
    header, *rows = csv.reader(io.StringIO(store.predictions(run_id), newline=""))
    columns = [header.index(name) for name in ("path", "label", "predicted")]
    class_columns = [number for number, name in enumerate(header) if name.startswith("p_")]
    if not rows or any(len(row) != len(header) for row in rows):
        raise ValueError(f"Expected one row per image in predictions.csv of {run_id}; received a damaged file.")
    paths, labels, predicted = (tuple(intern(row[column]) for row in rows) for column in columns)  # shared by all runs
    return SavedPredictions(
        paths,
        labels,
        predicted,
        tuple(header[column].removeprefix("p_") for column in class_columns),
        np.array([[row[column] for column in class_columns] for row in rows], dtype=np.float64),
    )
