"""The corrected resampled t-test."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from scipy.special import stdtrit


def corrected_t_interval(differences: Sequence[float], test_to_train: float) -> tuple[float, float]:
    """95% interval of the mean difference over several splits of the same data.

    Nadeau and Bengio 2003, Machine Learning 52, 239-281: the variance of the mean of J splits is estimated as
    (1/J + test images / training images) times the variance of the splits, because their training images overlap.
    Raises `statistics.StatisticsError` for fewer than two differences.
    """
    error = stdev(differences) * math.sqrt(1 / len(differences) + test_to_train)
    half = float(stdtrit(len(differences) - 1, 0.975)) * error
    return fmean(differences) - half, fmean(differences) + half
