"""Suggest a learning rate from the loss curve of a range test."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.experiment.strategy import rate

MIN_POINTS = 20
MIN_FALL = 0.03
"""Smallest fall of the loss, relative to its highest value, that counts: a smaller fall may be chance."""

_SKIP_END, _HALF_WINDOW = 5, 3
_DIGITS = (1, 2, 3, 5, 10)

Point = tuple[float, float]
"""(learning rate, smoothed loss)."""


@dataclass(frozen=True)
class RateSuggestion:
    """Learning rate suggested by a range test.

    Args:
        rate: suggested rate with one digit (1, 2, 3 or 5); None if the curve suggests none.
        reason: why this rate, as the end of a sentence after "Suggested: 1e-3, "; without a rate, a whole sentence on
            why there is none. No full stop.
        valley: rate in the middle of the longest fall, as tested (not rounded).
        steepest: rate at which the loss falls fastest, as tested (not rounded).
    """

    rate: float | None
    reason: str
    valley: float | None = None
    steepest: float | None = None


def suggest_rate(points: Sequence[Point]) -> RateSuggestion:
    """Suggest a learning rate from the points of a range test, sorted by rising rate.

    The suggestion is fastai's default, `valley` (fastai/callback/schedule.py, version 2.7): the middle of the longest
    fall of the loss, without the first tenth of the points and the last five. The steepest point (fastai's `steep`) is
    reported as well but not suggested: it varies more by chance, and a rate that is good for a few steps is often too
    high for a whole phase. The steepest point is searched within the longest fall only, because a dip in the diverging
    end of the curve may be steeper, and its slope is taken over several points to reduce noise.

    Raises `ValueError` if the rates do not rise or a loss is not a finite number.
    """
    _expect_curve(points)
    inner = points[len(points) // 10 : len(points) - _SKIP_END]
    if len(inner) < MIN_POINTS:
        return RateSuggestion(None, "The loss diverged after a few batches: there are too few points for a suggestion")
    start, end = _longest_fall([loss for _, loss in inner])
    high, low = max(loss for _, loss in inner[: end + 1]), inner[end][1]
    if high - low < MIN_FALL * high:
        rises = max(loss for _, loss in inner) > (1 + MIN_FALL) * inner[0][1]
        return RateSuggestion(None, f"The loss {'only rises' if rises else 'hardly changes'}: no rate stands out")
    length = end - start  # fastai takes the middle of the second third
    valley, steepest = inner[start + length // 3 + length // 6][0], _steepest(inner[start : end + 1])
    return RateSuggestion(
        _rounded(valley),
        f"in the middle of the longest fall of the loss, which is steepest at {rate(_rounded(steepest))}",
        valley,
        steepest,
    )


def _expect_curve(points: Sequence[Point]) -> None:
    rates = [rate for rate, _ in points]
    if not all(low < high for low, high in pairwise([0.0, *rates])):
        raise ValueError(f"Expected points with rising rates above 0; received {str(rates)[:80]}. Sort them by rate.")
    if not all(math.isfinite(loss) for _, loss in points):
        raise ValueError("Expected every loss to be a finite number; received others. Leave out those points.")


def _longest_fall(losses: Sequence[float]) -> tuple[int, int]:
    """First and last index of the longest falling subsequence, counted as if its members were adjacent; the first if
    several are equally long.
    """
    lengths = [1] * len(losses)
    for i, loss in enumerate(losses):
        lengths[i] = 1 + max((lengths[j] for j in range(i) if losses[j] > loss), default=0)
    end = max(range(len(losses)), key=lengths.__getitem__)
    return max(0, end - lengths[end]), end


def _steepest(points: Sequence[Point]) -> float:
    """Rate at which the loss falls fastest over the logarithm of the rate."""

    def slope(middle: int) -> float:
        low, before = points[max(0, middle - _HALF_WINDOW)]
        high, after = points[min(len(points) - 1, middle + _HALF_WINDOW)]
        return (after - before) / math.log(high / low)

    return points[min(range(len(points)), key=slope)][0]


def _rounded(value: float) -> float:
    """Round to the rate with one digit that is nearest on a logarithmic scale: 0.0027 -> 0.003."""
    power = math.floor(math.log10(value))
    digit = min(_DIGITS, key=lambda digit: abs(math.log10(value) - power - math.log10(digit)))
    return float(f"{digit}e{power}")
