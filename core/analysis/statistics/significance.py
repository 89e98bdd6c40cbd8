"""Whether a difference between two accuracies is more than chance, and how large it may be.

Shares and differences are 0 to 1. `docs/method.md` tells which of these is used when, and how often they err.
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
    """Two models on the same images: how many both name right, the first alone, the second alone, neither."""

    both: int
    first: int
    second: int
    neither: int

    @classmethod
    def of(cls, first: np.ndarray, second: np.ndarray) -> "Pairing":
        """Counted from (images,) booleans: what each names right."""
        return cls(
            *(
                int(np.count_nonzero(cell))
                for cell in (first & second, first & ~second, second & ~first, ~first & ~second)
            )
        )

    @property
    def images(self) -> int:
        return self.both + self.first + self.second + self.neither

    @property
    def difference(self) -> float:
        """Accuracy of the first minus that of the second."""
        return (self.first - self.second) / self.images


def exact_mcnemar(pairing: Pairing) -> float:
    """Two-sided p that both models err equally often: a fair coin for each image that one alone names right.

    McNemar 1947, Psychometrika 12, 153-157, in its exact form.
    """
    apart = pairing.first + pairing.second
    return min(1.0, 2 * float(bdtr(min(pairing.first, pairing.second), apart, 0.5))) if apart else 1.0


def paired_interval(pairing: Pairing, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the difference on the same images.

    Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10.
    """
    a, b, c, d, n = pairing.both, pairing.first, pairing.second, pairing.neither, pairing.images
    product = (a + b) * (c + d) * (a + c) * (b + d)
    excess = a * d - b * c
    excess = max(0.0, excess - n / 2) if excess > 0 else excess
    return _score_interval((a + b) / n, n, (a + c) / n, n, excess / math.sqrt(product) if product else 0.0, confidence)


def unpaired_interval(
    first: float, first_images: int, second: float, second_images: int, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of the difference on unlike images.

    Newcombe 1998, Statistics in Medicine 17, 873-890, method 10.
    """
    return _score_interval(first, first_images, second, second_images, 0.0, confidence)


def _score_interval(first: float, n: int, second: float, m: int, correlation: float, confidence: float) -> Interval:
    (low1, high1), (low2, high2) = wilson_interval(first, n, confidence), wilson_interval(second, m, confidence)

    def reach(up: float, down: float) -> float:
        return math.sqrt(max(0.0, up * up - 2 * correlation * up * down + down * down))

    difference = first - second
    return difference - reach(first - low1, high2 - second), difference + reach(high1 - first, second - low2)


@dataclass(frozen=True)
class CorrectedTTest:
    """Differences of replicates whose splits overlap: mean, 95% interval, two-sided p, standard error.

    Nadeau and Bengio 2003, Machine Learning 52, 239-281: the variance of the mean of J replicates is taken for
    (1/J + test images / training images) times theirs, since the replicates train on much the same images.
    """

    mean: float
    interval: Interval
    p: float
    error: float


def corrected_t_test(differences: Sequence[float], share: float, confidence: float = CONFIDENCE) -> CorrectedTTest:
    """What several replicates say together; `share` is test images over training images of each.

    Raises `ValueError` for fewer than two.
    """
    if len(differences) < 2 or not 0 < share < math.inf:
        raise ValueError(
            f"Expected two differences or more and a share above 0; received {len(differences)} and {share!r}."
        )
    count, mean = len(differences), fmean(differences)
    error = corrected_standard_error(stdev(differences), count, share)
    half = two_sided_t(count - 1, confidence) * error
    p = 2 * float(stdtr(count - 1, -abs(mean) / error)) if error else float(mean == 0)
    return CorrectedTTest(mean, (mean - half, mean + half), p, error)


def corrected_standard_error(deviation: float, replicates: int, share: float) -> float:
    """Standard error of the mean of so many replicates with this standard deviation, corrected as in `CorrectedTTest`."""
    return deviation * math.sqrt(1 / replicates + share)


def two_sided_t(freedom: int, confidence: float = CONFIDENCE) -> float:
    """How many standard errors an interval reaches either way, at so many degrees of freedom."""
    return float(stdtrit(freedom, (1 + confidence) / 2))


def holm(values: Sequence[float]) -> list[float]:
    """p values of several comparisons, raised so that all of them err together at their level (Holm 1979,
    Scandinavian Journal of Statistics 6, 65-70).
    """
    order, raised, highest = sorted(range(len(values)), key=values.__getitem__), [0.0] * len(values), 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[number]))
        raised[number] = highest
    return raised


def minimum_detectable_difference(
    test_images: int, train_images: int, seeds: int, apart: float = 0.2, power: float = 0.8
) -> float:
    """The true difference that so many seeds find with this power, as a share.

    Args:
        apart: on which share of the images one of two models alone is right; it makes nearly all of the variance.
    """
    one = math.sqrt(apart / test_images)
    if seeds == 1:
        return float(ndtri((1 + CONFIDENCE) / 2) + ndtri(power)) * one
    reach = two_sided_t(seeds - 1) + float(stdtrit(seeds - 1, power))
    return reach * corrected_standard_error(one, seeds, test_images / train_images)
