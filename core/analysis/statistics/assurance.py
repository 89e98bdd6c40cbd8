"""How likely a comparison is to be decided with more seeds or images, and which differences a study can detect.

Assurance is the power averaged over what is known so far about the true difference (O'Hagan et al. 2005,
Pharmaceutical Statistics 4, 187-201).
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, ndtri

from core.analysis.statistics.multiple_comparisons import ERROR_RATE, largest_factor
from core.analysis.statistics.random_effects import Posterior, expected_posterior
from core.analysis.statistics.wilson_interval import CONFIDENCE

TYPICAL_DISCORDANT, TYPICAL_TAU = 0.2, 0.01
"""Assumed before a study: the share of images that only one of two models classifies correctly, and tau."""

ASSURANCE = 0.8
"""Probability with which a suggested number of seeds or images decides a comparison."""

_NODES = (np.arange(8) + 0.5) / 8
"""Quantiles that stand for a distribution."""


@dataclass(frozen=True)
class Design:
    """What determines how precisely a study measures a difference.

    Args:
        seeds: number of seeds.
        variance: of one seed's difference, caused by its finite number of test images.
        covariance: of two seeds' differences, caused by images that both tested.
        overlap: as for `random_effects.paired_posterior`.
        confidence: of the interval that has to exclude zero, or lie within the equivalence margin.
    """

    seeds: int
    variance: float
    covariance: float
    overlap: float
    confidence: float = CONFIDENCE

    @classmethod
    def from_covariance(cls, covariance: np.ndarray, overlap: float, confidence: float = CONFIDENCE) -> "Design":
        """From the (seeds, seeds) covariance of the differences' errors, as its means on and off the diagonal."""
        seeds = len(covariance)
        variance = float(np.trace(covariance)) / seeds
        between = (float(covariance.sum()) - seeds * variance) / (seeds * (seeds - 1)) if seeds > 1 else 0.0
        return cls(seeds, variance, between, overlap, confidence)

    def half_width(self, scatter: float) -> float:
        """Half the width of the interval if the seeds' differences vary around their mean with variance `scatter`."""
        return expected_posterior(
            self.seeds, self.variance - self.covariance, self.covariance, self.overlap, scatter
        ).half_width(self.confidence)


def assurance(posterior: Posterior, design: Design, seeds: int, margin: float) -> float:
    """Probability that the comparison is decided when the study has grown to this number of seeds."""
    grown = replace(design, seeds=seeds)
    return float(
        np.mean([_decided(posterior.mean, step, half, margin) for step, half in _grow(posterior, grown, design)])
    )


def seeds_to_decide(posterior: Posterior, design: Design, margin: float, most: int) -> int | None:
    """Smallest number of seeds, at most `most`, that decides the comparison with a probability of `ASSURANCE`."""
    candidates = range(design.seeds + 1, most + 1)

    def assured(seeds: int) -> float:
        return assurance(posterior, design, seeds, margin)

    place = bisect_left(candidates, ASSURANCE, key=assured)  # more seeds are never less likely to decide
    return candidates[place] if place < len(candidates) else None


def _grow(posterior: Posterior, grown: Design, design: Design) -> Iterator[tuple[float, float]]:
    """For values of tau that stand for its posterior: how far the mean will move (standard deviation), and half the
    width of the interval.
    """
    new = grown.seeds - design.seeds
    for tau in _typical_taus(posterior):
        scatter = design.variance - design.covariance + tau**2
        yield float(np.sqrt(scatter * new / (design.seeds * grown.seeds))), grown.half_width(scatter)


def assurance_of_images(posterior: Posterior, design: Design, factor: float, margin: float) -> float:
    """Probability that the comparison is decided with `factor` times as many test images and the same seeds."""
    larger = replace(design, variance=design.variance / factor, covariance=design.covariance / factor)
    from_images = design.covariance + (design.variance - design.covariance) / design.seeds
    step = float(np.sqrt(from_images * (1 - 1 / factor)))
    scatters = larger.variance - larger.covariance + _typical_taus(posterior) ** 2
    halves = [larger.half_width(scatter) for scatter in scatters]
    return float(np.mean([_decided(posterior.mean, step, half, margin) for half in halves]))


def _typical_taus(posterior: Posterior) -> np.ndarray:
    """Values of tau that stand for its posterior."""
    return np.asarray(np.interp(_NODES, np.cumsum(posterior.weights), posterior.taus))


def _decided(mean: float, step: float, half: float, margin: float) -> float:
    """Probability that mean + Normal(0, step) is further than `half` from zero, or within `margin - half` of it."""
    step = max(step, 1e-9)
    differs = ndtr((abs(mean) - half) / step) + ndtr((-abs(mean) - half) / step)
    room = margin - half
    equal = ndtr((room - mean) / step) - ndtr((-room - mean) / step) if room > 0 else 0.0
    return float(differs + equal)


def detectable_difference(test_images: int, overlap: float, seeds: int, settings: int = 2, power: float = 0.8) -> float:
    """Smallest true difference between two of the settings, as a share, that a study detects with this power.

    Assumes `TYPICAL_DISCORDANT` and `TYPICAL_TAU`. For one seed it is the difference between two models, because a
    single training each hardly compares strategies.
    """
    variance, factor = TYPICAL_DISCORDANT / test_images, largest_factor(settings)
    if seeds == 1:
        return float((ndtri(1 - ERROR_RATE / factor / 2) + ndtri(power)) * variance**0.5)
    design = Design(seeds, variance, 0.0, overlap, 1 - ERROR_RATE / factor)
    scatter = variance + TYPICAL_TAU**2
    error = float(np.sqrt(scatter / seeds + overlap * TYPICAL_TAU**2))
    observed = scatter * chdtri(seeds - 1, 1 - _NODES) / (seeds - 1)  # a sample variance has a chi-squared distribution
    halves = np.array([design.half_width(value) for value in observed])

    def excess(true: float) -> float:
        return float(ndtr((true - halves) / error).mean()) - power

    return float(brentq(excess, 0.0, 2.0))
