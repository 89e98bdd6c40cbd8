"""Simulated studies of strategies whose true accuracies are known, to measure how often the verdict is wrong."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.special import ndtri
from scipy.stats import norm

from core.analysis.statistics.assurance import Design
from core.analysis.statistics.image_errors import ImageDifferences, image_differences
from core.analysis.statistics.multiple_comparisons import ERROR_RATE, adjust
from core.analysis.statistics.random_effects import Posterior
from core.data.datasets.split import FRACTIONS, TEST_TO_TRAINING

RANDOM, IN_TURN, OWN = "random parts", "parts in turn", "own test folder"
ACCURACY = 0.8
_INTERACTION_SD, _NOISE_SD = 0.5, 0.5
"""Standard deviations on a probit scale: difficulty of an image for one strategy, random noise of one training."""


@dataclass(frozen=True)
class World:
    """A kind of simulated data set and trainings.

    Args:
        test_images: of one seed.
        run_sd: standard deviation of the accuracy between trainings of one strategy, as a share.
        parts: how test images are chosen.
        image_sd: standard deviation of the images' difficulty on a probit scale.
        shared: share of the variance between trainings that all trainings on one data set have in common.
    """

    test_images: int
    run_sd: float
    parts: str = RANDOM
    image_sd: float = 1.2
    shared: float = 0.0

    @property
    def images(self) -> int:
        """Size of the data set; of its test folder, if it has one."""
        return round(self.test_images / {RANDOM: FRACTIONS["test"], IN_TURN: 0.2, OWN: 1.0}[self.parts])

    @property
    def overlap(self) -> float:
        """Test images divided by training images, as the verdict uses it."""
        return 0.2 / 0.68 if self.parts == IN_TURN else TEST_TO_TRAINING


@dataclass(frozen=True)
class Study:
    """Test images of each seed, and which of them each strategy classifies correctly: (strategies, images) booleans."""

    world: World
    images: tuple[np.ndarray, ...]
    correct: tuple[np.ndarray, ...]

    def first_seeds(self, seeds: int) -> "Study":
        return replace(self, images=self.images[:seeds], correct=self.correct[:seeds])

    def posterior(self, first: int, second: int) -> Posterior:
        """Of the accuracy of the first strategy minus that of the second."""
        return self._differences(first, second).posterior(self.world.overlap)

    def design(self, first: int, second: int, confidence: float) -> Design:
        """As the verdict describes it."""
        return Design.from_covariance(self._differences(first, second).covariance, self.world.overlap, confidence)

    def _differences(self, first: int, second: int) -> ImageDifferences:
        outcomes = [correct[first].astype(float) - correct[second] for correct in self.correct]
        return image_differences(self.images, outcomes)


def draw_study(world: World, seeds: int, differences: Sequence[float], rng: np.random.Generator) -> Study:
    """Simulate strategies whose true accuracies are `ACCURACY` plus each difference.

    An image is classified correctly if skill + ease + noise is above 0; the mean over images and trainings is exact.
    """
    basis = math.sqrt(world.image_sd**2 + _INTERACTION_SD**2 + _NOISE_SD**2)
    spread = world.run_sd * basis / float(norm.pdf(ndtri(ACCURACY)))
    skill = math.hypot(basis, spread) * ndtri(ACCURACY + np.array(differences))
    strategies = len(differences)
    skill = skill + rng.normal(0, spread * math.sqrt(world.shared), strategies)
    ease = rng.normal(0, world.image_sd, world.images) + rng.normal(0, _INTERACTION_SD, (strategies, world.images))
    images = _test_images(world, seeds, rng)
    trained = [skill + rng.normal(0, spread * math.sqrt(1 - world.shared), strategies) for _ in images]
    correct = [
        skills[:, None] + ease[:, tests] + rng.normal(0, _NOISE_SD, (strategies, len(tests))) > 0
        for skills, tests in zip(trained, images, strict=True)
    ]
    return Study(world, tuple(images), tuple(correct))


def _test_images(world: World, seeds: int, rng: np.random.Generator) -> list[np.ndarray]:
    if world.parts == OWN:
        return [np.arange(world.images)] * seeds
    if world.parts == RANDOM:
        return [rng.permutation(world.images)[: world.test_images] for _ in range(seeds)]
    divisions = [rng.permutation(world.images) for _ in range(math.ceil(seeds / 5))]
    return [divisions[seed // 5][seed % 5 :: 5] for seed in range(seeds)]


@dataclass(frozen=True)
class Pair:
    """The comparison of two strategies within a study: its posterior, adjusted p value and confidence."""

    first: int
    second: int
    posterior: Posterior
    p: float
    confidence: float

    def better(self) -> int | None:
        """The strategy that is significantly better; None if it is open."""
        if self.p > ERROR_RATE:
            return None
        return self.first if self.posterior.mean > 0 else self.second


def compare_all(study: Study, seeds: Sequence[int] | None = None) -> list[Pair]:
    """Compare all pairs of strategies as the verdict does, on the seeds that both have.

    Args:
        seeds: number of seeds of each strategy; by default all.
    """
    strategies = len(study.correct[0])
    seeds = seeds or [len(study.images)] * strategies
    pairs = [
        (first, second, study.first_seeds(min(seeds[first], seeds[second])).posterior(first, second))
        for first, second in combinations(range(strategies), 2)
    ]
    adjusted = adjust([posterior.p for *_, posterior in pairs], strategies)
    return [Pair(*pair, by.p, by.confidence) for pair, by in zip(pairs, adjusted, strict=True)]


def ranking(pairs: Sequence[Pair]) -> list[int]:
    """The strategies by the sum of their differences to the others, the best first."""
    sums: dict[int, float] = {}
    for pair in pairs:
        sums[pair.first] = sums.get(pair.first, 0.0) + pair.posterior.mean
        sums[pair.second] = sums.get(pair.second, 0.0) - pair.posterior.mean
    return sorted(sums, key=lambda strategy: -sums[strategy])
