"""Test accuracies as bars with their intervals."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.analysis.charts.common import plain_text
from core.analysis.charts.palette import GREY, strategy_colours
from core.analysis.comparison.replicates import Group
from core.analysis.results.summary import Summary
from core.analysis.text import count, percent

_FRAME_PIXELS, _BAR_PIXELS, _NAME_LENGTH, _LINE_LENGTH = 60, 46, 34, 24
INTERVAL = "#8A8F98"
"""Read on every strategy's colour, on white and on black."""


def accuracy_bars(
    rows: Sequence[Summary], names: Mapping[str, str] | None = None, hues: Mapping[str, str] | None = None
) -> go.Figure:
    """A bar a measured run, from 0 to 100%, with the 95% interval of what it would get on all such images.

    Args:
        names: what to call each run, by id; its strategy where none is given.
        hues: each run's colour, by id; its strategy's where none is given.
    """
    shown = [row for row in rows if row.test_accuracy is not None]
    names = names or {row.id: row.title for row in shown}
    palette = strategy_colours(row.strategy for row in shown)
    hues = hues or {row.id: palette[row.strategy] for row in shown}
    figure = go.Figure()
    for row in shown:
        _add_bar(figure, row, names[row.id], hues.get(row.id, GREY))
    return _dress(figure, {row.id: (names[row.id], row.test_accuracy) for row in shown})


def setting_bars(groups: Sequence[Group], hues: Mapping[str, str] | None = None) -> go.Figure:
    """A bar a setting: its mean over seeds, from 0 to 100%, with a mark for each seed, the best setting first.

    Args:
        hues: each run's colour, by id.
    """
    figure, hues = go.Figure(), hues or {}
    for group in groups:
        name, colour = plain_text(group.name, _NAME_LENGTH), hues.get(group.results[0].run_id, GREY)
        figure.add_bar(
            x=[group.accuracy],
            y=[group.name],
            orientation="h",
            name=name,
            marker={"color": colour, "opacity": 0.6},
            hovertemplate=f"{name}: %{{x:.1%}}, mean of {count(len(group.results), 'seed')}<extra></extra>",
        )
        figure.add_scatter(
            x=group.accuracies,
            y=[group.name] * len(group.results),
            mode="markers",
            name=f"{name}, seeds",
            marker={"color": INTERVAL, "size": 9, "line": {"width": 1, "color": "white"}},
            hovertemplate=f"{name}: %{{x:.1%}}<extra></extra>",
        )
    return _dress(figure, {group.name: (group.name, group.accuracy) for group in groups})


def _add_bar(figure: go.Figure, row: Summary, name: str, colour: str) -> None:
    low, high = row.interval or (row.test_accuracy, row.test_accuracy)
    label = plain_text(name, _NAME_LENGTH)
    figure.add_bar(
        x=[row.test_accuracy],
        y=[row.id],
        orientation="h",
        name=label,
        marker={"color": colour, "opacity": 0.6},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - row.test_accuracy],
            "arrayminus": [row.test_accuracy - low],
            "color": INTERVAL,
            "thickness": 2.5,
            "width": 7,
        },
        hovertemplate=f"{label}: %{{x:.1%}}, {percent(low)} to {percent(high)}<extra></extra>",
    )


def _dress(figure: go.Figure, bars: Mapping[str, tuple[str, float]]) -> go.Figure:
    """Bars by their place on the axis: what each is called, and how long it is."""
    figure.update_layout(
        showlegend=False,
        height=_FRAME_PIXELS + _BAR_PIXELS * len(bars),
        bargap=0.35,
        barmode="overlay",
        margin={"l": 10, "r": 64, "t": 10, "b": 30},
        annotations=[
            {
                "xref": "paper",
                "x": 1,
                "xanchor": "left",
                "xshift": 10,
                "y": place,
                "showarrow": False,
                "text": f"<b>{percent(accuracy)}</b>",
                "font": {"size": 15},
            }
            for place, (_, accuracy) in bars.items()
        ],
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        fixedrange=True,
        automargin=True,
        tickvals=list(bars),
        ticktext=[_label(name) for name, _ in bars.values()],
    )
    return figure


def _label(name: str) -> str:
    """A name beside its bar: a long one on two lines, broken before what tells it from its like."""
    lines = name.split(", ", 1) if len(name) > _LINE_LENGTH else [name]
    return "<br>".join(plain_text(line, _NAME_LENGTH) for line in lines)
