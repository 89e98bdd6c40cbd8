"""Comparison of two settings: by how much they differ, whether that is significant, and what would decide it."""

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from core.analysis.comparison.replicates import Group
from core.analysis.statistics.assurance import ASSURANCE, Design, assurance_of_images, seeds_to_decide
from core.analysis.statistics.multiple_comparisons import ERROR_RATE
from core.analysis.statistics.random_effects import Posterior
from core.analysis.statistics.wilson_interval import Interval

EQUIVALENCE_MARGIN = 0.01
"""Default equivalence margin: settings that differ by at most one point are practically equal."""

MAX_SUGGESTED_SEEDS, MAX_IMAGE_FACTOR = 50, 16
"""Largest number of seeds, and largest multiple of the test images, that are suggested to decide a comparison."""


class Judgement(StrEnum):
    """Result of comparing two settings."""

    BETTER = "better"
    EQUAL = "practically equal"
    SAME = "the same models"
    OPEN = "too close to call"

    @property
    def is_settled(self) -> bool:
        return self is not Judgement.OPEN


@dataclass(frozen=True)
class Contrast:
    """Comparison of two settings, the one with the higher accuracy first. Shares are 0 to 1.

    Args:
        posterior: of the difference, first minus second.
        accuracy: of the first, on the seeds that are compared.
        p: two-sided, adjusted for the number of contrasts.
        design: number of seeds compared (1 if none are shared), and what makes their differences vary.
        images: number of test images of a seed.
        is_paired: whether both were compared image by image.
        same_models: number of seeds in which both trainings ended as the same model.
        two_models_p: for one seed, p of the difference between the two models.
        has_fixed_test: whether all seeds were tested on the same images.
        margin: equivalence margin: differences up to it count as practically equal.
    """

    first: Group
    second: Group
    posterior: Posterior
    accuracy: float
    p: float
    design: Design
    images: int
    is_paired: bool = False
    same_models: int = 0
    two_models_p: float | None = None
    has_fixed_test: bool = False
    margin: float = EQUIVALENCE_MARGIN

    @property
    def difference(self) -> float:
        """Accuracy of the first minus that of the second: the mean over seeds, weighted by their test images."""
        return self.posterior.mean

    @property
    def seeds(self) -> int:
        return self.design.seeds

    @property
    def confidence(self) -> float:
        """Of the interval that is adjusted for the number of contrasts."""
        return self.design.confidence

    @cached_property
    def interval(self) -> Interval:
        """95% interval of the difference, from -1 to 1 at most, adjusted for the number of contrasts."""
        low, high = self.posterior.interval(self.confidence)
        return max(-1.0, low), min(1.0, high)

    @property
    def judgement(self) -> Judgement:
        low, high = self.interval
        if self.same_models == self.seeds:
            return Judgement.SAME
        if -self.margin <= low and high <= self.margin:
            return Judgement.EQUAL
        return Judgement.BETTER if self.p <= ERROR_RATE and low > 0 else Judgement.OPEN

    @property
    def probabilities(self) -> tuple[float, float, float]:
        """Probabilities that the first is better by more than the margin, that both are equal within it, that the
        second is better by more than it (Benavoli et al. 2017, Journal of Machine Learning Research 18, 77).
        """
        better, not_worse = (
            self.posterior.probability_above(self.margin),
            self.posterior.probability_above(-self.margin),
        )
        return better, not_worse - better, 1 - not_worse

    def better_first(self) -> "Contrast":
        """Swap the two settings if the second has the higher accuracy."""
        if self.difference >= 0:
            return self
        accuracy = self.accuracy - self.difference
        return replace(
            self, first=self.second, second=self.first, accuracy=accuracy, posterior=self.posterior.negated()
        )

    def adjusted(self, p: float, confidence: float) -> "Contrast":
        """Return the contrast with a p value and an interval that are adjusted for the number of contrasts."""
        return replace(self, p=p, design=replace(self.design, confidence=confidence))

    @property
    def time_ratio(self) -> float | None:
        """Training time of the first divided by that of the second; None if unknown."""
        return self.first.seconds / self.second.seconds if self.second.seconds > 0 else None

    def seeds_to_decide(self) -> int | None:
        """Number of seeds, the present ones included, that decide the comparison with a probability of `ASSURANCE`.

        None if it is more than `MAX_SUGGESTED_SEEDS`, or if the seeds are not paired.
        """
        if not self.is_paired:
            return None
        return seeds_to_decide(self.posterior, self.design, self.margin, MAX_SUGGESTED_SEEDS)

    def images_to_decide(self) -> int | None:
        """Number of test images that decide the comparison with a probability of `ASSURANCE`; None if it is more than
        `MAX_IMAGE_FACTOR` times the present number.
        """
        factors = (2 ** np.arange(0.25, math.log2(MAX_IMAGE_FACTOR) + 0.25, 0.25)).tolist()

        def assured(factor: float) -> float:
            return assurance_of_images(self.posterior, self.design, factor, self.margin)

        place = bisect_left(factors, ASSURANCE, key=assured)
        return round(factors[place] * self.images) if place < len(factors) else None
