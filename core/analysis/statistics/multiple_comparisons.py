"""Adjust p values and intervals for comparing all pairs of settings (control of the family-wise error rate)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import comb

from core.analysis.statistics.wilson_interval import CONFIDENCE

ERROR_RATE = round(1 - CONFIDENCE, 9)


@dataclass(frozen=True)
class Adjusted:
    """Adjusted result of one comparison.

    Args:
        p: adjusted p value; at most `ERROR_RATE` exactly if the interval at `confidence` excludes zero.
        confidence: of the interval that belongs to the adjusted p value.
    """

    p: float
    confidence: float


def adjust(p_values: Sequence[float], settings: int) -> list[Adjusted]:
    """Adjust the p values of comparisons between this number of settings.

    Holm 1979 (Scandinavian Journal of Statistics 6, 65-70) multiplies the smallest p by the number of comparisons, the
    next by one less, and so on. Shaffer 1986 (Journal of the American Statistical Association 81, 826-831) uses smaller
    factors: if one pair differs, not all others can be equal. Her factors apply if all pairs are compared.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest, factor = [Adjusted(1.0, CONFIDENCE)] * len(p_values), 0.0, 1
    for number, step in zip(order, _factors(settings, len(p_values)), strict=True):
        if highest <= ERROR_RATE:  # after the first p above it, the factor stays the same
            factor = step
        highest = max(highest, min(1.0, factor * p_values[number]))
        adjusted[number] = Adjusted(highest, 1 - ERROR_RATE / factor)
    return adjusted


def largest_factor(settings: int) -> int:
    """The factor for the smallest p value: the number of pairs."""
    return max(1, comb(settings, 2))


def _factors(settings: int, comparisons: int) -> list[int]:
    """For each comparison, by rising p: how many comparisons can still be without a difference."""
    left = range(comparisons, 0, -1)
    if comparisons != comb(settings, 2):
        return list(left)
    return [max(number for number in _possible_equal_pairs(settings) if number <= most) for most in left]


@cache
def _possible_equal_pairs(settings: int) -> frozenset[int]:
    """Numbers of pairs that can be equal: the settings fall into sets of equal ones (Shaffer 1986, table 2)."""
    if settings < 2:
        return frozenset({0})
    return frozenset(
        comb(size, 2) + others for size in range(1, settings + 1) for others in _possible_equal_pairs(settings - size)
    )
