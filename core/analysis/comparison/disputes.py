"""Test images on which models disagree or which all models misclassify, the most confident mistakes first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.analysis.comparison.replicates import SavedPredictions, saved_predictions, split_of
from core.analysis.results.trained_models import recorded_scales
from core.data.datasets.dataset import DataError
from core.data.datasets.folder_layout import images_root
from core.experiment.runs.run import AnyRun, Run
from core.experiment.runs.run_store import RunStore


@dataclass(frozen=True)
class ImagePrediction:
    """One run's prediction for an image. `confidence` is 0 to 1, None if it was not saved."""

    predicted: str
    confidence: float | None
    is_correct: bool


@dataclass(frozen=True)
class DisputedImage:
    """A test image, its true class, and the runs' predictions by run id."""

    path: str
    label: str
    predictions: dict[str, ImagePrediction]

    @property
    def only_correct_run(self) -> str | None:
        """Id of the only run that classifies the image correctly; None if there is not exactly one."""
        correct = [run_id for run_id, prediction in self.predictions.items() if prediction.is_correct]
        return correct[0] if len(correct) == 1 else None

    @property
    def mistakes(self) -> set[tuple[str, str]]:
        """(true class, predicted class) of each wrong prediction."""
        return {
            (self.label, prediction.predicted) for prediction in self.predictions.values() if not prediction.is_correct
        }


@dataclass(frozen=True)
class Disputes:
    """Disputed images, and the runs compared: those tested on the same images as the first.

    `root` is the folder of the images, None if it no longer exists; `scales` are those of the first run's images.
    """

    runs: tuple[AnyRun, ...]
    root: Path | None
    disagreed: tuple[DisputedImage, ...]
    all_wrong: tuple[DisputedImage, ...]
    scales: tuple[str, ...] | None = ()


def disputes(store: RunStore, runs: Sequence[AnyRun]) -> Disputes:
    """Compare the runs' saved test predictions image by image. Raises `NoSuchRun`."""
    available = [(run, saved) for run in runs if (saved := saved_predictions(store, run.id))]
    if not available:
        return Disputes((), None, (), ())
    first, of_first = available[0]
    test_id = split_of(store, first).test_id
    compared = [
        (run, saved)
        for run, saved in available
        if saved.paths == of_first.paths and split_of(store, run).test_id == test_id
    ]
    predicted = np.array([saved.predicted for _, saved in compared])
    wrong = ~np.array([saved.correct for _, saved in compared])
    return Disputes(
        tuple(run for run, _ in compared),
        _find_images_root(first, of_first.paths),
        _most_confident_mistakes_first(np.flatnonzero((predicted != predicted[0]).any(axis=0)), compared),
        _most_confident_mistakes_first(np.flatnonzero(wrong.all(axis=0)), compared),
        recorded_scales(store, first),
    )


def mistaken_pairs(images: Sequence[DisputedImage]) -> list[tuple[tuple[str, str], int]]:
    """((true class, predicted class), number of images), the most frequent first."""
    return Counter(pair for image in images for pair in sorted(image.mistakes)).most_common()


def _most_confident_mistakes_first(
    numbers: np.ndarray, compared: Sequence[tuple[AnyRun, SavedPredictions]]
) -> tuple[DisputedImage, ...]:
    images = (_disputed_image(int(number), compared) for number in numbers)
    return tuple(sorted(images, key=_highest_confidence_of_mistakes, reverse=True))


def _disputed_image(number: int, compared: Sequence[tuple[AnyRun, SavedPredictions]]) -> DisputedImage:
    first = compared[0][1]
    return DisputedImage(
        first.paths[number],
        first.labels[number],
        {run.id: _image_prediction(number, saved) for run, saved in compared},
    )


def _image_prediction(number: int, saved: SavedPredictions) -> ImagePrediction:
    confidence = float(saved.confidence[number])
    return ImagePrediction(
        saved.predicted[number], None if np.isnan(confidence) else confidence, bool(saved.correct[number])
    )


def _highest_confidence_of_mistakes(image: DisputedImage) -> float:
    wrong = (prediction for prediction in image.predictions.values() if not prediction.is_correct)
    return max((prediction.confidence or 0.0 for prediction in wrong), default=-1.0)


def _find_images_root(run: AnyRun, paths: Sequence[str]) -> Path | None:
    try:
        return images_root(run.config.data, paths) if isinstance(run, Run) else None
    except (DataError, OSError):
        return None
