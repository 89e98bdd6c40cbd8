"""Accuracy against training time and trainable parameters."""

from core.analysis.charts.common import chart_points
from core.analysis.charts.cost import cost_chart
from core.analysis.comparison.cost import describe_cost, frontier, parameter_cost
from core.analysis.comparison.replicates import Group, Result, Split
from core.analysis.results.summary import Summary


def group(name: str, seconds: float, *accuracies: float) -> Group:
    return Group(
        name,
        "sample",
        tuple(
            Result(f"{name}-{seed}", accuracy, 380, (), Split(seed), seed, seconds)
            for seed, accuracy in enumerate(accuracies)
        ),
    )


def summary(run_id: str, trained: int) -> Summary:
    return Summary(run_id, "x", "X", 0, "completed", 1, 1, 0.8, 0.5, 0.0, 0.8, 0.8, 380, trained, (), 1.0, None, None)


QUICK, SLOW, WASTEFUL = group("Quick", 60, 0.78, 0.80), group("Slow", 180, 0.84), group("Wasteful", 200, 0.79)


def test_the_frontier_leaves_out_settings_that_a_cheaper_one_reaches():
    assert frontier([WASTEFUL, SLOW, QUICK]) == [QUICK, SLOW]
    assert frontier([]) == [] and frontier([QUICK, group("Same time", 60, 0.70)]) == [QUICK]


def test_the_cost_of_one_more_point_is_described():
    assert describe_cost([SLOW, QUICK, WASTEFUL]) == (
        "Slow has 5.0 points more than quick, for 2 min 00 s more: 24 s per point, if the difference is real. "
        "Wasteful costs no less than others and is no more accurate."
    )
    assert describe_cost([QUICK, WASTEFUL, group("Same time", 60, 0.70)]) == (
        "Wasteful and same time cost no less than others and are no more accurate."
    )
    assert describe_cost([QUICK]) == ""
    many = [group(f"Setting {number}", 60.0 * (number + 1), 0.5 + 0.01 * number) for number in range(7)]
    assert describe_cost([*many, QUICK, SLOW]) == (
        "Slow has 5.0 points more than quick, for 2 min 00 s more: 24 s per point, if the difference is real. "
        "7 of the 9 settings cost no less than others and are no more accurate."
    )
    assert cost_chart(many, {}).layout.showlegend and not cost_chart(many * 2, {}).layout.showlegend


def test_the_chart_has_one_mark_per_setting_with_the_range_over_seeds():
    figure = cost_chart([SLOW, QUICK], {"Slow-0": "#123456"})
    assert {point["name"] for point in chart_points(figure)} == {"Frontier", "Slow", "Quick"}
    slow, quick = figure.data[1:]
    assert slow.marker.color == "#123456" and slow.error_y.array is None
    assert round(quick.error_y.array[0], 6) == round(quick.error_y.arrayminus[0], 6) == 0.01


def test_parameters_can_be_the_cost():
    rows = [summary(group.results[0].run_id, trained) for group, trained in ((QUICK, 2_000_000), (SLOW, 500_000))]
    cost = parameter_cost(rows)
    assert frontier([QUICK, SLOW], cost) == [SLOW] and cost.amount(QUICK) == 2_000_000
    assert describe_cost([QUICK, SLOW], cost) == "Quick costs no less than others and is no more accurate."
    assert cost_chart([QUICK, SLOW], {}, cost).data[1].x == (2.0,)
