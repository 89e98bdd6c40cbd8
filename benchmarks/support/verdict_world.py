"""Simulated studies of two strategies whose true difference is known, to measure how often the verdict is wrong."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from core.analysis.statistics.significance import CONFIDENCE, Pairing, corrected_t_test, exact_mcnemar, paired_interval
from core.data.datasets.split import FRACTIONS, TEST_TO_TRAINING

_IMAGE_SD, _INTERACTION_SD, _NOISE_SD = 1.2, 0.5, 0.5
"""Standard deviations on a probit scale: difficulty of images, its difference between strategies, random noise."""


@dataclass(frozen=True)
class Simulation:
    """Parameters of simulated studies of two strategies. Each seed draws a test split from the same images.

    Args:
        images: size of the data set.
        accuracy: accuracy of the second strategy, over all such images.
        spread: standard deviation between trainings of one strategy, on a probit scale; 0.05 is about 1% of accuracy.
        shared: share of this variance that all trainings on the same data set have in common.
    """

    images: int = 2_500
    accuracy: float = 0.8
    spread: float = 0.05
    shared: float = 0.2

    @property
    def scale(self) -> float:
        """Standard deviation of all random terms together."""
        return math.sqrt(_IMAGE_SD**2 + _INTERACTION_SD**2 + _NOISE_SD**2 + self.spread**2)


@dataclass(frozen=True)
class ErrorRates:
    """Share of studies that claim a difference, and share whose interval contains the true difference."""

    claims: float
    coverage: float


def claims_and_coverage(
    simulation: Simulation, seeds: int, difference: float, studies: int, rng: np.random.Generator
) -> ErrorRates:
    """Simulate studies of two strategies whose accuracies truly differ by `difference`, and judge each."""
    results = [_judge(draw_study(simulation, seeds, difference, rng)) for _ in range(studies)]
    return ErrorRates(
        float(np.mean([p <= 1 - CONFIDENCE for p, _ in results])),
        float(np.mean([low <= difference <= high for _, (low, high) in results])),
    )


def draw_study(simulation: Simulation, seeds: int, difference: float, rng: np.random.Generator) -> list[Pairing]:
    """Simulate one data set; return for each seed which test images the two models classify correctly."""
    skill = simulation.scale * ndtri([simulation.accuracy + difference, simulation.accuracy])
    base = skill + rng.normal(0, simulation.spread * math.sqrt(simulation.shared), 2)
    ease = rng.normal(0, _IMAGE_SD, simulation.images) + rng.normal(0, _INTERACTION_SD, (2, simulation.images))
    return [_draw_replicate(simulation, base, ease, rng) for _ in range(seeds)]


def _draw_replicate(simulation: Simulation, base: np.ndarray, ease: np.ndarray, rng: np.random.Generator) -> Pairing:
    test = rng.permutation(simulation.images)[: round(FRACTIONS["test"] * simulation.images)]
    skill = base + rng.normal(0, simulation.spread * math.sqrt(1 - simulation.shared), 2)
    a, b = rng.random((2, len(test))) < ndtr((skill[:, None] + ease[:, test]) / _NOISE_SD)
    return Pairing.from_correct(a, b)


def _judge(study: list[Pairing]) -> tuple[float, tuple[float, float]]:
    """Return p-value and interval as `core.analysis.comparison.verdict` computes them for this number of seeds."""
    if len(study) == 1:
        return exact_mcnemar(study[0]), paired_interval(study[0])
    result = corrected_t_test([pairing.difference for pairing in study], TEST_TO_TRAINING)
    return result.p, result.interval
