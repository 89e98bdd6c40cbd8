"""Calibration: whether a model's confidence matches its accuracy, before and after temperature scaling."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

import numpy as np

from core.analysis.comparison.replicates import SavedPredictions
from core.analysis.comparison.run_table import Formats
from core.analysis.statistics.temperature_scaling import MIN_PROBABILITY, calibrated
from core.analysis.text import points

BINS = 15
"""Number of confidence bins, as in Guo et al. 2017."""

_FORMATS: Final[Formats] = {
    "Overconfidence": points,
    **dict.fromkeys(
        ("Calibration error", "Calibration error, scaled", "By chance alone"), lambda error: f"{100 * error:.1f} points"
    ),
    **dict.fromkeys(("Temperature", "Log loss", "Log loss, scaled"), "{:.2f}".format),
    "Test images": "{:,.0f}".format,
}


@dataclass(frozen=True)
class Bin:
    """Images with similar confidence: their mean confidence, the accuracy on them and their number."""

    confidence: float
    accuracy: float
    images: int


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy of the models of one setting, on the test images of all seeds together.

    `temperature` is the mean over the models; 1 means unscaled probabilities.
    """

    bins: tuple[Bin, ...]
    temperature: float
    log_loss: float

    @property
    def images(self) -> int:
        return sum(group.images for group in self.bins)

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance between confidence and accuracy over bins of equal width, weighted
        by their images. Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599, equation 3.
        """
        return sum(group.images * abs(group.confidence - group.accuracy) for group in self.bins) / self.images

    @property
    def chance_error(self) -> float:
        """Expected calibration error of a perfectly calibrated model on so few images: the mean absolute deviation of
        each bin's accuracy by chance, as a normal distribution.
        """
        deviations = (group.images * _mean_deviation(group.confidence, group.images) for group in self.bins)
        return sum(deviations) / self.images

    @property
    def overconfidence(self) -> float:
        """Mean confidence minus accuracy: positive if the model is overconfident."""
        return sum(group.images * (group.confidence - group.accuracy) for group in self.bins) / self.images


def reliability(runs: Sequence[tuple[SavedPredictions, float | None]]) -> Reliability | None:
    """Compute the reliability of runs from their (test predictions, temperature); temperature None = unscaled.

    Runs without saved probabilities for all true classes are skipped; None if no run is left.
    """
    usable = [
        (saved, temperature) for saved, temperature in runs if saved.classes and set(saved.labels) <= set(saved.classes)
    ]
    if not usable:
        return None
    probabilities = [calibrated(saved.probabilities, temperature) for saved, temperature in usable]
    of_true_class = np.concatenate(
        [
            rows[np.arange(len(rows)), _class_indices(saved)]
            for rows, (saved, _) in zip(probabilities, usable, strict=True)
        ]
    )
    confidence = np.concatenate([rows.max(axis=1) for rows in probabilities])
    correct = np.concatenate([saved.correct for saved, _ in usable])
    return Reliability(
        tuple(_bins(confidence, correct)),
        fmean(temperature or 1.0 for _, temperature in usable),
        float(-np.log(np.maximum(of_true_class, MIN_PROBABILITY)).mean()),
    )


def _mean_deviation(share: float, images: int) -> float:
    """Mean absolute deviation of an observed share from its expected value."""
    return math.sqrt(2 * share * (1 - share) / (math.pi * images))


def _class_indices(saved: SavedPredictions) -> np.ndarray:
    """(images,) index of each image's true class."""
    index = {name: i for i, name in enumerate(saved.classes)}
    return np.array([index[label] for label in saved.labels])


def _bins(confidence: np.ndarray, correct: np.ndarray) -> list[Bin]:
    """Group images into bins of equal width by rising confidence; empty bins are left out."""
    bin_numbers = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        Bin(float(confidence[inside].mean()), float(correct[inside].mean()), int(inside.sum()))
        for number in range(BINS)
        if (inside := bin_numbers == number).any()
    ]


def calibration_table(
    unscaled: Mapping[str, Reliability], scaled: Mapping[str, Reliability], names: Mapping[str, str]
) -> tuple[list[dict[str, Any]], Formats]:
    """One row per setting, and the format of each column. `scaled` holds the settings with a known temperature."""
    return [_row(names[key], found, scaled.get(key)) for key, found in unscaled.items()], _FORMATS


def _row(name: str, unscaled: Reliability, scaled: Reliability | None) -> dict[str, Any]:
    return {
        "Setting": name,
        "Overconfidence": unscaled.overconfidence,
        "Calibration error": unscaled.error,
        "Calibration error, scaled": scaled and scaled.error,
        "By chance alone": unscaled.chance_error,
        "Temperature": scaled and scaled.temperature,
        "Log loss": unscaled.log_loss,
        "Log loss, scaled": scaled and scaled.log_loss,
        "Test images": unscaled.images,
    }
