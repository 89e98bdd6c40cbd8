"""What accuracy costs."""

from core.analysis.charts import chart_points
from core.analysis.cost_chart import cost_chart, cost_in_words, frontier
from core.analysis.replicates import Group, Result, Split


def group(name: str, seconds: float, *accuracies: float) -> Group:
    return Group(name, "sample", tuple(Result(f"{name}-{seed}", accuracy, 380, (), Split(seed), seed, seconds)
                                       for seed, accuracy in enumerate(accuracies)))


QUICK, SLOW, WASTEFUL = group("Quick", 60, 0.78, 0.80), group("Slow", 180, 0.84), group("Wasteful", 200, 0.79)


def test_the_frontier_leaves_out_what_others_beat():
    assert frontier([WASTEFUL, SLOW, QUICK]) == [QUICK, SLOW]
    assert frontier([]) == [] and frontier([QUICK, group("Same time", 60, 0.70)]) == [QUICK]


def test_what_one_more_point_costs():
    assert cost_in_words([SLOW, QUICK, WASTEFUL]) == (
        "Slow gains 5.0 points over quick for 2 min 00 s more: 24 s a point. Others are as accurate in less time as "
        "wasteful.")
    assert cost_in_words([QUICK]) == ""


def test_marks_have_their_setting_and_the_range_over_seeds():
    figure = cost_chart([SLOW, QUICK], {"Slow-0": "#123456"})
    assert {point["name"] for point in chart_points(figure)} == {"Frontier", "Slow", "Quick"}
    slow, quick = figure.data[1:]
    assert slow.marker.color == "#123456" and slow.error_y.array is None
    assert round(quick.error_y.array[0], 6) == round(quick.error_y.arrayminus[0], 6) == 0.01
