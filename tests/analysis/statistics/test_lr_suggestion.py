"""What a range test's curve suggests, and that it suggests nothing where there is nothing to see."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.charts.lr_range import rate_chart
from core.analysis.statistics.lr_suggestion import rate_question, suggest
from core.experiment.run_config import RunConfig
from core.experiment.strategy import TWO_PHASE, Phase

RATES = np.geomspace(1e-7, 1, 100)
DIGITS = {"1", "2", "3", "5"}


def curve(fall_at: float, width: float = 0.5, runaway: float = 1.5) -> list[tuple[float, float]]:
    """Flat at 2, down to 1 about the rate 10**fall_at, and away `runaway` decades later: all in decades of the rate."""
    x = np.log10(RATES) - fall_at
    losses = 2 - 1 / (1 + np.exp(-x / width * 4)) + np.exp(np.minimum(4 * (x - runaway), 5))
    return list(zip(RATES.tolist(), losses.tolist(), strict=True))


@given(st.floats(-5, -2), st.floats(0.3, 0.8))
def test_the_steepest_point_of_a_fall_is_found_and_the_suggestion_lies_before_the_lowest(fall_at, width):
    points = curve(fall_at, width)
    said = suggest(points)
    lowest = min(points, key=lambda point: point[1])[0]
    assert abs(math.log10(said.steepest) - fall_at) < 0.4
    assert said.valley < lowest and said.rate < lowest


@given(st.integers(15, 40), st.integers(20, 45))
def test_the_valley_is_the_middle_of_the_longest_fall(start, length):
    """A rise, a fall of `length` points, a rise again."""
    losses = np.concatenate(
        [np.linspace(1, 2, start), np.linspace(1.99, 0.5, length), np.linspace(0.6, 3, 100 - start - length)]
    )
    said = suggest(list(zip(RATES.tolist(), losses.tolist(), strict=True)))
    assert abs(np.argmin(np.abs(RATES - said.valley)) - (start + length / 2)) <= 3, "thirds and sixths are whole"


@given(st.floats(-5, -2), st.floats(0.1, 100), st.floats(0.3, 0.8))
def test_the_unit_of_the_loss_does_not_matter_and_the_rate_has_one_digit(fall_at, unit, width):
    points = curve(fall_at, width)
    said = suggest([(rate, round(loss, 12) * unit) for rate, loss in points])
    assert said.rate == suggest([(rate, round(loss, 12)) for rate, loss in points]).rate
    digit, _, power = f"{said.rate:e}".partition("e")
    assert digit.rstrip("0").rstrip(".") in DIGITS and said.rate == float(f"{digit[0]}e{power}")
    assert abs(math.log10(said.rate / said.valley)) <= math.log10(1.5), "the nearest of them"


@given(st.integers(0, 10_000), st.floats(0.5, 5))
def test_flat_curves_suggest_nothing_and_say_so(seed, level):
    losses = level * (1 + 0.005 * np.random.default_rng(seed).uniform(-1, 1, 100))
    said = suggest(list(zip(RATES.tolist(), losses.tolist(), strict=True)))
    assert said.rate is None and said.valley is None and "hardly changes" in said.reason


@given(st.floats(1, 4), st.floats(0.5, 3))
def test_rising_curves_suggest_nothing_and_say_so(times, power):
    losses = 1 + times * np.linspace(0, 1, 100) ** power
    said = suggest(list(zip(RATES.tolist(), losses.tolist(), strict=True)))
    assert said.rate is None and "only rises" in said.reason


def test_too_few_points_suggest_nothing():
    assert "too little to judge by" in suggest(curve(-3)[:20]).reason and suggest([]).rate is None


@pytest.mark.faults
@pytest.mark.parametrize("points", [[(1e-3, 1.0), (1e-4, 1.0)], [(0.0, 1.0)], [(1e-3, 1.0), (1e-3, 1.0)]])
def test_rates_that_do_not_rise_are_refused(points):
    with pytest.raises(ValueError, match="Expected points by rising rates above 0; received"):
        suggest(points)


@pytest.mark.faults
@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_losses_that_are_no_numbers_are_refused(loss):
    with pytest.raises(ValueError, match="Expected every loss to be a number"):
        suggest([(1e-3, 1.0), (1e-2, loss)])


def test_the_chart_marks_both_points_on_the_curve_and_no_point_where_there_is_none():
    points = curve(-3)
    said = suggest(points)
    figure = rate_chart(points, said, "#0072B2")
    line, star, ring = figure.data
    assert figure.layout.xaxis.type == "log" and list(zip(line.x, line.y, strict=True)) == points
    for mark, rate in ((star, said.valley), (ring, said.steepest)):
        assert (mark.x[0], mark.y[0]) in points and mark.x[0] == rate
    flat = [(rate, 1.0) for rate, _ in points]
    assert len(rate_chart(flat, suggest(flat)).data) == 1


def test_the_same_question_is_the_same_value():
    template, (first, second) = RunConfig(seed=3), TWO_PHASE.phases
    asked = rate_question(template, TWO_PHASE, 1)
    assert asked.strategy.phases == (Phase(0, 1e-3, 1),) and asked.split_seed == 3

    def question(*phases: Phase) -> RunConfig:
        return rate_question(template, type(TWO_PHASE)("two-phase", phases), 2)

    both = question(first, second)
    assert both == question(Phase(0, first.learning_rate, 99), Phase(second.unfreeze, 0.5, 7))
    assert both != question(Phase(0, 0.1, 15), second), "the rate of an earlier phase matters"
    assert both != question(first, Phase(31, 1e-4, 10))
