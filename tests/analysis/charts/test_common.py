"""Functions that all charts share, their colours, and the formatting of numbers."""

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.charts.common import chart_points, downsample, plain_text
from core.analysis.charts.palette import DEPTH_COLOURS, RATE_COLOURS, run_colours, strategy_colours
from core.analysis.text import count, duration, escape_markdown, percent, points, shorten
from core.experiment.named_strategies import TWO_PHASE, rate_sweep, unfreeze_sweep
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.strategy import rate


@given(st.lists(st.floats(-9, 9), max_size=400), st.integers(2, 50))
def test_downsampled_rows_are_few_in_order_and_contain_the_extremes(values, limit):
    rows = [{"loss": value, "n": n} for n, value in enumerate(values)]
    selected = downsample(rows, limit, "loss")
    assert len(selected) <= limit and [row["n"] for row in selected] == sorted({row["n"] for row in selected})
    for pick in (min, max):
        assert not rows or pick(row["loss"] for row in selected) == pick(values)


@pytest.mark.faults
def test_names_are_escaped():
    assert plain_text("<b>&amp;\u202e") == "&lt;b&gt;&amp;amp;�" and len(plain_text("a" * 300)) <= 60
    assert "%{" not in plain_text("%{x}") and plain_text("100% {x}") == "100% {x}"
    assert escape_markdown("a&copy;b") == r"a\&copy;b"
    assert escape_markdown("![x](http://y) <img> $a$ :red[b]") == r"\!\[x\]\(http\://y\) \<img\> \$a\$ \:red\[b\]"


def test_chart_points_lists_every_plotted_point():
    figure = go.Figure(
        [
            go.Scatter(x=[1, 2], y=[3, 4], name="short", meta="long"),
            go.Bar(x=[5], y=["a"], name="bar"),
            go.Scatter(name="without points"),
            go.Heatmap(x=["p", "q"], y=["r"], z=[[0.5, None]], customdata=[[[7, 14], [0, 14]]], name="cells"),
        ]
    )
    assert chart_points(figure) == [
        {"name": "long", "x": 1, "y": 3},
        {"name": "long", "x": 2, "y": 4},
        {"name": "bar", "x": 5, "y": "a"},
        {"name": "cells", "x": "p", "y": "r", "images": 7, "share": 0.5},
        {"name": "cells", "x": "q", "y": "r", "images": 0, "share": 0.0},
    ]


@pytest.mark.faults
@pytest.mark.parametrize("name", ["a&b <i>", "a&amp;b", "%{x} &copy; %&#123;"])
def test_chart_points_unescapes_names(name):
    escaped = plain_text(name)
    line = go.Scatter(x=[1], y=[2], meta=escaped)
    cells = go.Heatmap(x=[escaped], y=[escaped], z=[[1.0]], customdata=[[[1, 1]]], name=escaped)
    assert [{point["name"], point["x"], point["y"]} - {1, 2} for point in chart_points(go.Figure([line, cells]))] == [
        {name}
    ] * 2


def test_strategies_without_a_fixed_colour_get_different_colours():
    found = strategy_colours([TWO_PHASE.name, "unfreeze-11", "unfreeze-56"])
    assert found["two-phase"] == "#009E73" and len({found["unfreeze-11"], found["unfreeze-56"], "#009E73"}) == 3


def test_each_depth_of_a_sweep_has_a_colour_from_cold_to_warm():
    names = [strategy.name for strategy in unfreeze_sweep()]
    found = strategy_colours(names)
    assert [found[name] for name in names] == list(DEPTH_COLOURS)
    assert strategy_colours(["unfreeze-40"])["unfreeze-40"] == found["unfreeze-56"], (
        "a depth in between has the next colour"
    )


def test_each_rate_of_a_sweep_has_a_colour_that_its_dropouts_share():
    configs = [RunConfig(strategy=strategy, dropout=dropout) for dropout in (0.2, 0.8) for strategy in rate_sweep()]
    runs = [Run(f"{number:02}", config, RunStatus(State.COMPLETED)) for number, config in enumerate(configs)]
    assert list(run_colours(runs).values()) == list(RATE_COLOURS) * 2 and len(set(RATE_COLOURS)) == 12


def test_numbers_are_formatted():
    assert [percent(0.873), percent(None), points(0.031), rate(1e-4), rate(2.5e-4)] == [
        "87.3%",
        "–",
        "+3.1 points",
        "1e-4",
        "2.5e-4",
    ]
    assert [duration(s) for s in (7, 59.6, 125, 4_000)] == ["7 s", "1 min 00 s", "2 min 05 s", "1 h 06 min"]
    assert [count(1, "run"), count(3, "class"), count(2_000, "epoch")] == ["1 run", "3 classes", "2,000 epochs"]
    assert len(shorten("a" * 300)) <= 60
