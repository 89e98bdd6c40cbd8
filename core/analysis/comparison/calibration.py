"""Whether a model is as often right as it says: reliability, its error, and temperature scaling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

import numpy as np

from core.analysis.comparison.replicates import SavedPredictions
from core.analysis.comparison.run_table import Formats
from core.analysis.statistics.temperature_scaling import LEAST_PROBABILITY, calibrated
from core.analysis.text import points

BINS = 15
"""As in Guo et al. 2017."""

_FORMATS: Final[Formats] = {
    "Too sure by": points,
    **dict.fromkeys(("Error", "Error, calibrated"), lambda error: f"{100 * error:.1f} points"),
    **dict.fromkeys(("Temperature", "Log loss", "Log loss, calibrated"), "{:.2f}".format),
    "Test images": "{:,.0f}".format,
}


@dataclass(frozen=True)
class Bin:
    """Images of which a model is about equally sure: mean sureness, share that it names right, how many."""

    confidence: float
    accuracy: float
    images: int


@dataclass(frozen=True)
class Reliability:
    """How sure models of one setting are and how often they are right, on the test images of all their seeds.

    `temperature` is the mean of theirs; 1 = as the models say.
    """

    bins: tuple[Bin, ...]
    temperature: float
    log_loss: float

    @property
    def images(self) -> int:
        return sum(one.images for one in self.bins)

    @property
    def error(self) -> float:
        """Expected calibration error: how far sureness and accuracy are apart, over bins of equal width weighed by
        their images. Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599, equation 3.
        """
        return sum(one.images * abs(one.confidence - one.accuracy) for one in self.bins) / self.images

    @property
    def overconfidence(self) -> float:
        """Mean sureness minus accuracy: above 0 it is too sure."""
        return sum(one.images * (one.confidence - one.accuracy) for one in self.bins) / self.images


def reliability(several: Sequence[tuple[SavedPredictions, float | None]]) -> Reliability | None:
    """From what runs said of their test images, each at its temperature, None = as it says.

    None where no run's probabilities, or not those of all true classes, were written down.
    """
    known = [
        (said, temperature) for said, temperature in several if said.classes and set(said.labels) <= set(said.classes)
    ]
    if not known:
        return None
    shares = [calibrated(said.probabilities, temperature) for said, temperature in known]
    true = np.concatenate(
        [rows[np.arange(len(rows)), _labels(said)] for rows, (said, _) in zip(shares, known, strict=True)]
    )
    confidence, right = (
        np.concatenate([rows.max(axis=1) for rows in shares]),
        np.concatenate([s.right for s, _ in known]),
    )
    return Reliability(
        tuple(_bins(confidence, right)),
        fmean(temperature or 1.0 for _, temperature in known),
        float(-np.log(np.maximum(true, LEAST_PROBABILITY)).mean()),
    )


def _labels(said: SavedPredictions) -> np.ndarray:
    """(images,) the number of each true class."""
    number = {name: i for i, name in enumerate(said.classes)}
    return np.array([number[label] for label in said.labels])


def _bins(confidence: np.ndarray, right: np.ndarray) -> list[Bin]:
    """Bins of equal width that hold an image, the least sure first."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        Bin(float(confidence[here].mean()), float(right[here].mean()), int(here.sum()))
        for place in range(BINS)
        if (here := places == place).any()
    ]


def calibration_table(
    said: Mapping[str, Reliability], scaled: Mapping[str, Reliability], names: Mapping[str, str]
) -> tuple[list[dict[str, Any]], Formats]:
    """Rows by setting, `scaled` those at their temperature where one is known; and how to show each column."""
    return [_row(names[key], one, scaled.get(key)) for key, one in said.items()], _FORMATS


def _row(name: str, said: Reliability, scaled: Reliability | None) -> dict[str, Any]:
    return {
        "Setting": name,
        "Too sure by": said.overconfidence,
        "Error": said.error,
        "Error, calibrated": scaled and scaled.error,
        "Temperature": scaled and scaled.temperature,
        "Log loss": said.log_loss,
        "Log loss, calibrated": scaled and scaled.log_loss,
        "Test images": said.images,
    }
