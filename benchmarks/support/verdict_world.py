"""A drawn world in which the true difference of two strategies is known: how often the verdict errs in it."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from core.analysis.statistics.significance import CONFIDENCE, Pairing, corrected_t_test, exact_mcnemar, paired_interval
from core.data.datasets.split import FRACTIONS, TEST_TO_TRAINING

_DIFFICULTY, _TASTE, _NOISE = 1.2, 0.5, 0.5
"""On a probit scale: how unlike images are, how unlike the strategies find them, and what chance does at each."""


@dataclass(frozen=True)
class World:
    """Images, of which each seed draws its own test split, and two strategies.

    Args:
        images: in the data set.
        accuracy: of the second strategy, on all such images.
        spread: how much a strategy's trainings differ, on a probit scale: 0.05 makes about a point of accuracy.
        shared: the part of that spread which all trainings on this data set have in common.
    """

    images: int = 2_500
    accuracy: float = 0.8
    spread: float = 0.05
    shared: float = 0.2

    @property
    def scale(self) -> float:
        return math.sqrt(_DIFFICULTY**2 + _TASTE**2 + _NOISE**2 + self.spread**2)


@dataclass(frozen=True)
class Errors:
    """Over many studies: the share that claims a difference, and that whose interval holds the true one."""

    claims: float
    coverage: float


def claims_and_coverage(world: World, seeds: int, difference: float, studies: int, rng: np.random.Generator) -> Errors:
    """Draw studies of two strategies whose accuracies truly differ by `difference`, and judge each."""
    found = [_judge(draw_study(world, seeds, difference, rng)) for _ in range(studies)]
    return Errors(
        float(np.mean([p <= 1 - CONFIDENCE for p, _ in found])),
        float(np.mean([low <= difference <= high for _, (low, high) in found])),
    )


def draw_study(world: World, seeds: int, difference: float, rng: np.random.Generator) -> list[Pairing]:
    """One data set, and for each seed what two models name right of its test split."""
    skill = world.scale * ndtri([world.accuracy + difference, world.accuracy])
    base = skill + rng.normal(0, world.spread * math.sqrt(world.shared), 2)
    ease = rng.normal(0, _DIFFICULTY, world.images) + rng.normal(0, _TASTE, (2, world.images))
    return [_replicate(world, base, ease, rng) for _ in range(seeds)]


def _replicate(world: World, base: np.ndarray, ease: np.ndarray, rng: np.random.Generator) -> Pairing:
    test = rng.permutation(world.images)[: round(FRACTIONS["test"] * world.images)]
    skill = base + rng.normal(0, world.spread * math.sqrt(1 - world.shared), 2)
    a, b = rng.random((2, len(test))) < ndtr((skill[:, None] + ease[:, test]) / _NOISE)
    return Pairing.of(a, b)


def _judge(study: list[Pairing]) -> tuple[float, tuple[float, float]]:
    """p and interval, as `core.analysis.comparison.verdict` has them for so many seeds."""
    if len(study) == 1:
        return exact_mcnemar(study[0]), paired_interval(study[0])
    found = corrected_t_test([pairing.difference for pairing in study], TEST_TO_TRAINING)
    return found.p, found.interval
