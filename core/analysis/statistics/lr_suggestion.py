"""From the curve of a range test to a learning rate, with the reason; and the question that such a test answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from core.analysis.text import rate
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Strategy

FEWEST_POINTS = 20
LEAST_FALL = 0.03
"""The curve must fall by this share of the loss it falls from: less is chance."""

_SKIP_SHARE, _SKIP_END, _REACH = 10, 5, 3
_DIGITS = (1, 2, 3, 5, 10)

Point = tuple[float, float]
"""(learning rate, smoothed loss)."""


@dataclass(frozen=True)
class RateSuggestion:
    """What a curve says.

    Args:
        rate: to take, of one digit (1, 2, 3 or 5); None where the curve shows none.
        reason: why, or why there is none: a sentence, or its end after "Suggested: 1e-3, ", without the full stop.
        valley: the rate in the middle of the longest fall, as the test met it.
        steepest: the rate at which the loss falls fastest, as the test met it.
    """

    rate: float | None
    reason: str
    valley: float | None = None
    steepest: float | None = None


def suggest(points: Sequence[Point]) -> RateSuggestion:
    """The rate that a range test suggests, from its points by rising rate.

    It is fastai's valley, its default too: the middle of the longest fall (`valley` in fastai/callback/schedule.py of
    version 2.7), once the first tenth of the points and the last five are left out. The steepest point (`steep` there)
    is told beside it, not suggested: chance moves it more, and what a few steps gain at such a rate is often lost over
    a whole phase. It is looked for within the longest fall, as a dip in the runaway at the end may be steeper, and
    over a few points, as two neighbours say little.

    Raises `ValueError` for rates that do not rise and losses that are no numbers.
    """
    _expect_curve(points)
    inner = points[len(points) // _SKIP_SHARE : len(points) - _SKIP_END]
    if len(inner) < FEWEST_POINTS:
        return RateSuggestion(None, "The loss ran away after a few batches: there is too little to judge by")
    start, end = _longest_fall([loss for _, loss in inner])
    high, low = max(loss for _, loss in inner[: end + 1]), inner[end][1]
    if high - low < LEAST_FALL * high:
        rises = max(loss for _, loss in inner) > (1 + LEAST_FALL) * inner[0][1]
        return RateSuggestion(None, f"The loss {'only rises' if rises else 'hardly changes'}: no rate stands out")
    length = end - start
    valley, steepest = inner[start + length // 3 + length // 6][0], _steepest(inner[start : end + 1])
    return RateSuggestion(
        _rounded(valley),
        f"in the middle of the longest fall of the loss, which is steepest at {rate(_rounded(steepest))}",
        valley,
        steepest,
    )


def rate_question(template: RunConfig, strategy: Strategy, phase: int) -> RunConfig:
    """The configuration whose phase number `phase` (from 1) is tested, reduced to what the test's answer hangs on.

    So the same question is the same value: however long phases are, whatever rate this one has and what follows it.
    Training and split share the template's seed, as in a study.
    """
    phases = [replace(one, epochs=1) for one in strategy.phases[:phase]]
    phases[-1] = replace(phases[-1], learning_rate=1e-3)
    return replace(template, strategy=replace(strategy, phases=tuple(phases)), split_seed=template.seed)


def _expect_curve(points: Sequence[Point]) -> None:
    rates = [one for one, _ in points]
    if not all(low < high for low, high in pairwise([0.0, *rates])):
        raise ValueError(f"Expected points by rising rates above 0; received {str(rates)[:80]}. Sort them by rate.")
    if not all(math.isfinite(loss) for _, loss in points):
        raise ValueError("Expected every loss to be a number; received points without one. Leave those out.")


def _longest_fall(losses: Sequence[float]) -> tuple[int, int]:
    """Where the longest falling subsequence begins and ends, were its members neighbours; the first where two tie."""
    lengths = [1] * len(losses)
    for i, loss in enumerate(losses):
        lengths[i] = 1 + max((lengths[j] for j in range(i) if losses[j] > loss), default=0)
    end = max(range(len(losses)), key=lengths.__getitem__)
    return max(0, end - lengths[end]), end


def _steepest(points: Sequence[Point]) -> float:
    """The rate about which the loss falls most for the same growth of the rate's logarithm."""

    def slope(middle: int) -> float:
        (low, before), (high, after) = points[max(0, middle - _REACH)], points[min(len(points) - 1, middle + _REACH)]
        return (after - before) / math.log(high / low)

    return points[min(range(len(points)), key=slope)][0]


def _rounded(value: float) -> float:
    """The nearest rate of one digit, as factors go: 0.0027 -> 0.003."""
    power = math.floor(math.log10(value))
    digit = min(_DIGITS, key=lambda digit: abs(math.log10(value) - power - math.log10(digit)))
    return float(f"{digit}e{power}")
