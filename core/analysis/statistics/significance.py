"""Tests and confidence intervals for the difference between two accuracies.

Accuracies are proportions from 0 to 1, differences from -1 to 1. `docs/method.md` explains when each test is used and
reports its error rates.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from scipy.special import bdtr, ndtri, stdtr, stdtrit

from core.analysis.statistics.wilson_interval import wilson_interval

CONFIDENCE = 0.95
Interval = tuple[float, float]


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


def exact_mcnemar(pairing: Pairing) -> float:
    """Two-sided p of McNemar's exact test, whose null hypothesis is that both models have the same error rate.

    Under it, each image that only one model classifies correctly is equally likely to be either model's.
    McNemar 1947, Psychometrika 12, 153-157, in its exact form.
    """
    discordant = pairing.only_first + pairing.only_second
    if not discordant:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(pairing.only_first, pairing.only_second), discordant, 0.5)))


def paired_interval(pairing: Pairing, confidence: float = CONFIDENCE) -> Interval:
    """Confidence interval of the difference between two accuracies on the same images.

    Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10.
    """
    a, b, c, d, n = pairing.both, pairing.only_first, pairing.only_second, pairing.neither, pairing.images
    product = (a + b) * (c + d) * (a + c) * (b + d)
    excess = float(a * d - b * c)
    if excess > 0:
        excess = max(0.0, excess - n / 2)
    return _score_interval((a + b) / n, n, (a + c) / n, n, excess / math.sqrt(product) if product else 0.0, confidence)


def unpaired_interval(
    first: float, first_images: int, second: float, second_images: int, confidence: float = CONFIDENCE
) -> Interval:
    """Confidence interval of the difference between two accuracies on different images.

    Newcombe 1998, Statistics in Medicine 17, 873-890, method 10.
    """
    return _score_interval(first, first_images, second, second_images, 0.0, confidence)


def _score_interval(first: float, n: int, second: float, m: int, correlation: float, confidence: float) -> Interval:
    (low1, high1), (low2, high2) = wilson_interval(first, n, confidence), wilson_interval(second, m, confidence)

    def half_width(up: float, down: float) -> float:
        return math.sqrt(max(0.0, up * up - 2 * correlation * up * down + down * down))

    difference = first - second
    return difference - half_width(first - low1, high2 - second), difference + half_width(high1 - first, second - low2)


@dataclass(frozen=True)
class CorrectedTTest:
    """Corrected resampled t-test of the differences in several replicates: mean, interval, two-sided p, standard error.

    Nadeau and Bengio 2003, Machine Learning 52, 239-281: the variance of the mean of J replicates is estimated as
    (1/J + test images / training images) times the variance of the replicates, because their training sets overlap.
    """

    mean: float
    interval: Interval
    p: float
    error: float


def corrected_t_test(
    differences: Sequence[float], test_to_train: float, confidence: float = CONFIDENCE
) -> CorrectedTTest:
    """Test whether the mean difference over replicates is zero.

    `test_to_train` is the number of test images divided by the number of training images of a replicate.
    Raises `ValueError` for fewer than two differences, or a ratio that is not above 0 and finite.
    """
    if len(differences) < 2 or not 0 < test_to_train < math.inf:
        raise ValueError(
            f"Expected two differences or more and a ratio of test to training images above 0; received "
            f"{len(differences)} and {test_to_train!r}."
        )
    count, mean = len(differences), fmean(differences)
    error = corrected_standard_error(stdev(differences), count, test_to_train)
    half = two_sided_t(count - 1, confidence) * error
    p = 2 * float(stdtr(count - 1, -abs(mean) / error)) if error else float(mean == 0)
    return CorrectedTTest(mean, (mean - half, mean + half), p, error)


def corrected_standard_error(deviation: float, replicates: int, test_to_train: float) -> float:
    """Standard error of the mean over replicates with this standard deviation, corrected as in `CorrectedTTest`."""
    return deviation * math.sqrt(1 / replicates + test_to_train)


def two_sided_t(freedom: int, confidence: float = CONFIDENCE) -> float:
    """Two-sided critical value of Student's t distribution with `freedom` degrees of freedom."""
    return float(stdtrit(freedom, (1 + confidence) / 2))


def holm(values: Sequence[float]) -> list[float]:
    """Adjust the p values of several comparisons so that the family-wise error rate is controlled (Holm 1979,
    Scandinavian Journal of Statistics 6, 65-70).
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[number]))
        adjusted[number] = highest
    return adjusted


def minimum_detectable_difference(
    test_images: int, train_images: int, seeds: int, discordant: float = 0.2, power: float = 0.8
) -> float:
    """Smallest true difference, as a share, that this number of seeds detects with this power.

    Args:
        discordant: share of the images that only one of the two models classifies correctly; it causes nearly all of
            the variance of the difference.
    """
    deviation = math.sqrt(discordant / test_images)
    if seeds == 1:
        return float(ndtri((1 + CONFIDENCE) / 2) + ndtri(power)) * deviation
    quantiles = two_sided_t(seeds - 1) + float(stdtrit(seeds - 1, power))
    return quantiles * corrected_standard_error(deviation, seeds, test_images / train_images)
