"""Test and confidence interval for the difference between two models on the same images.

Accuracies are proportions from 0 to 1, differences from -1 to 1. A model is the result of one training: these say
nothing about other trainings of the same settings (see `random_effects`).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr  # `scipy.stats` takes longer to import than all else here

from core.analysis.statistics.wilson_interval import CONFIDENCE, Interval, wilson_interval


@dataclass(frozen=True)
class Pairing:
    """Contingency table of two models on the same images: the number of images classified correctly by both models, by
    only the first, by only the second and by neither.
    """

    both: int
    only_first: int
    only_second: int
    neither: int

    @classmethod
    def from_correct(cls, first: np.ndarray, second: np.ndarray) -> "Pairing":
        """Count from two (images,) boolean arrays that mark the images each model classifies correctly."""
        return cls(
            *(
                int(np.count_nonzero(cell))
                for cell in (first & second, first & ~second, second & ~first, ~first & ~second)
            )
        )

    @property
    def images(self) -> int:
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of the first minus that of the second."""
        return (self.only_first - self.only_second) / self.images


def mid_p_mcnemar(pairing: Pairing) -> float:
    """Two-sided p of McNemar's test, whose null hypothesis is that both models have the same error rate.

    Under it, each image that only one model classifies correctly is equally likely to be either model's. The mid-p form
    counts half of the probability of the observed table; the exact form is needlessly conservative (McNemar 1947,
    Psychometrika 12, 153-157; Fagerland et al. 2013, BMC Medical Research Methodology 13, 91).
    """
    discordant, fewer = pairing.only_first + pairing.only_second, min(pairing.only_first, pairing.only_second)
    rarer = float(bdtr(fewer - 1, discordant, 0.5)) if fewer else 0.0  # SciPy gives NaN for fewer than 0
    return min(1.0, float(bdtr(fewer, discordant, 0.5)) + rarer)


def paired_interval(pairing: Pairing, confidence: float = CONFIDENCE) -> Interval:
    """Confidence interval of the difference between two accuracies on the same images.

    Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10.
    """
    a, b, c, d, n = pairing.both, pairing.only_first, pairing.only_second, pairing.neither, pairing.images
    product = (a + b) * (c + d) * (a + c) * (b + d)
    excess = float(a * d - b * c)
    if excess > 0:
        excess = max(0.0, excess - n / 2)
    correlation = excess / math.sqrt(product) if product else 0.0
    first, second = (a + b) / n, (a + c) / n
    (low1, high1), (low2, high2) = wilson_interval(first, n, confidence), wilson_interval(second, n, confidence)

    def half_width(up: float, down: float) -> float:
        return math.sqrt(max(0.0, up * up - 2 * correlation * up * down + down * down))

    difference = first - second
    return difference - half_width(first - low1, high2 - second), difference + half_width(high1 - first, second - low2)
