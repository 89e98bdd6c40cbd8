"""Whether a model is as often right as it says: reliability, its error, and temperature scaling."""

from dataclasses import dataclass

import numpy as np

from core.analysis.replicates import Answered

BINS = 15
"""As in Guo et al. 2017."""

_LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class Bin:
    """Images of which a model is about equally sure: mean sureness, share that it names right, how many."""

    sureness: float
    accuracy: float
    images: int


@dataclass(frozen=True)
class Reliability:
    """How sure a model is and how often it is right, from its test images. `temperature` 1 = as the model says."""

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
        return sum(one.images * abs(one.sureness - one.accuracy) for one in self.bins) / self.images

    @property
    def overconfidence(self) -> float:
        """Mean sureness minus accuracy: above 0 it is too sure."""
        return sum(one.images * (one.sureness - one.accuracy) for one in self.bins) / self.images


def calibrated(probabilities: np.ndarray, temperature: float | None) -> np.ndarray:
    """(..., classes) probabilities at a temperature; as they are without one. The order of the classes stays."""
    if temperature is None or temperature == 1:
        return np.asarray(probabilities)
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST_PROBABILITY)) / temperature
    powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def reliability(said: Answered, temperature: float | None = None) -> Reliability | None:
    """From what a run said of its test images; None where probabilities, or a true class, are missing."""
    if not said.classes or not set(said.labels) <= set(said.classes):
        return None
    shares = calibrated(said.probabilities, temperature)
    number = {name: i for i, name in enumerate(said.classes)}
    labels = np.array([number[label] for label in said.labels])
    true = shares[np.arange(len(labels)), labels]
    return Reliability(tuple(_bins(shares.max(axis=1), said.right)), temperature or 1.0,
                       float(-np.log(np.maximum(true, _LEAST_PROBABILITY)).mean()))


def _bins(sureness: np.ndarray, right: np.ndarray) -> list[Bin]:
    """Bins of equal width that hold an image, the least sure first."""
    places = np.minimum((sureness * BINS).astype(int), BINS - 1)
    return [Bin(float(sureness[here].mean()), float(right[here].mean()), int(here.sum()))
            for place in range(BINS) if (here := places == place).any()]
