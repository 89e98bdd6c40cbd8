"""Learning rates suggested from range test curves, and curves that suggest none."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.charts.lr_range import rate_chart
from core.analysis.statistics.lr_suggestion import suggest_rate

RATES = np.geomspace(1e-7, 1, 100)
DIGITS = {"1", "2", "3", "5"}


def curve(fall_at: float, width: float = 0.5, divergence: float = 1.5) -> list[tuple[float, float]]:
    """Loss that falls from 2 to 1 around the rate 10**fall_at and diverges `divergence` decades later.

    `width` and `divergence` are in decades of the rate.
    """
    x = np.log10(RATES) - fall_at
    losses = 2 - 1 / (1 + np.exp(-x / width * 4)) + np.exp(np.minimum(4 * (x - divergence), 5))
    return list(zip(RATES.tolist(), losses.tolist(), strict=True))


@given(st.floats(-5, -2), st.floats(0.3, 0.8))
def test_the_steepest_point_of_a_fall_is_found_and_the_suggestion_lies_before_the_lowest(fall_at, width):
    points = curve(fall_at, width)
    suggestion = suggest_rate(points)
    lowest = min(points, key=lambda point: point[1])[0]
    assert abs(math.log10(suggestion.steepest) - fall_at) < 0.4
    assert suggestion.valley < lowest and suggestion.rate < lowest


@given(st.integers(15, 40), st.integers(20, 45))
def test_the_valley_is_the_middle_of_the_longest_fall(start, length):
    """The curve rises, falls over `length` points and rises again."""
    losses = np.concatenate(
        [np.linspace(1, 2, start), np.linspace(1.99, 0.5, length), np.linspace(0.6, 3, 100 - start - length)]
    )
    suggestion = suggest_rate(list(zip(RATES.tolist(), losses.tolist(), strict=True)))
    valley = np.argmin(np.abs(RATES - suggestion.valley))
    assert abs(valley - (start + length / 2)) <= 3, "thirds and sixths are rounded to whole points"


@given(st.floats(-5, -2), st.floats(0.1, 100), st.floats(0.3, 0.8))
def test_the_unit_of_the_loss_does_not_matter_and_the_rate_has_one_digit(fall_at, unit, width):
    points = curve(fall_at, width)
    suggestion = suggest_rate([(rate, round(loss, 12) * unit) for rate, loss in points])
    assert suggestion.rate == suggest_rate([(rate, round(loss, 12)) for rate, loss in points]).rate
    digit, _, power = f"{suggestion.rate:e}".partition("e")
    assert digit.rstrip("0").rstrip(".") in DIGITS and suggestion.rate == float(f"{digit[0]}e{power}")
    assert abs(math.log10(suggestion.rate / suggestion.valley)) <= math.log10(1.5), "the nearest rate with one digit"


@given(st.integers(0, 10_000), st.floats(0.5, 5))
def test_flat_curves_suggest_no_rate(seed, level):
    losses = level * (1 + 0.005 * np.random.default_rng(seed).uniform(-1, 1, 100))
    suggestion = suggest_rate(list(zip(RATES.tolist(), losses.tolist(), strict=True)))
    assert suggestion.rate is None and suggestion.valley is None and "hardly changes" in suggestion.reason


@given(st.floats(1, 4), st.floats(0.5, 3))
def test_rising_curves_suggest_no_rate(times, power):
    losses = 1 + times * np.linspace(0, 1, 100) ** power
    suggestion = suggest_rate(list(zip(RATES.tolist(), losses.tolist(), strict=True)))
    assert suggestion.rate is None and "only rises" in suggestion.reason


def test_too_few_points_suggest_no_rate():
    assert "too few points" in suggest_rate(curve(-3)[:20]).reason and suggest_rate([]).rate is None


@pytest.mark.faults
@pytest.mark.parametrize("points", [[(1e-3, 1.0), (1e-4, 1.0)], [(0.0, 1.0)], [(1e-3, 1.0), (1e-3, 1.0)]])
def test_rates_that_do_not_rise_are_refused(points):
    with pytest.raises(ValueError, match="Expected points with rising rates above 0; received"):
        suggest_rate(points)


@pytest.mark.faults
@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_losses_that_are_not_finite_are_refused(loss):
    with pytest.raises(ValueError, match="Expected every loss to be a finite number"):
        suggest_rate([(1e-3, 1.0), (1e-2, loss)])


def test_the_chart_marks_both_points_on_the_curve_or_none_without_a_suggestion():
    points = curve(-3)
    suggestion = suggest_rate(points)
    figure = rate_chart(points, suggestion, "#0072B2")
    line, star, ring = figure.data
    assert figure.layout.xaxis.type == "log" and list(zip(line.x, line.y, strict=True)) == points
    for mark, rate in ((star, suggestion.valley), (ring, suggestion.steepest)):
        assert (mark.x[0], mark.y[0]) in points and mark.x[0] == rate
    flat = [(rate, 1.0) for rate, _ in points]
    assert len(rate_chart(flat, suggest_rate(flat)).data) == 1
