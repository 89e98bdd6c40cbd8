"""Bar charts of test accuracies with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from core.analysis.charts.common import plain_text
from core.analysis.charts.palette import GREY, strategy_colours
from core.analysis.comparison.pairs.pairwise import setting_interval
from core.analysis.comparison.replicates import Group
from core.analysis.results.summary import Summary
from core.analysis.statistics.wilson_interval import Interval
from core.analysis.text import count, percent

_FRAME_PIXELS, _BAR_PIXELS, _NAME_LENGTH, _LINE_LENGTH = 60, 46, 34, 24
INTERVAL_COLOUR = "#8A8F98"
"""Readable on the colour of every strategy, on white and on black."""


def accuracy_bars(
    rows: Sequence[Summary], names: Mapping[str, str] | None = None, colours: Mapping[str, str] | None = None
) -> go.Figure:
    """Draw one bar per tested run, from 0 to 100%, with the 95% interval of its test accuracy.

    Args:
        names: label of each run, by id; by default the strategies.
        colours: colour of each run, by id; by default those of the strategies.
    """
    accuracies = {row.id: row.test_accuracy for row in rows if row.test_accuracy is not None}
    shown = [row for row in rows if row.id in accuracies]
    names = names or {row.id: row.title for row in shown}
    palette = strategy_colours(row.strategy for row in shown)
    colours = colours or {row.id: palette[row.strategy] for row in shown}
    figure = go.Figure()
    for row in shown:
        _add_bar(figure, row, accuracies[row.id], names[row.id], colours.get(row.id, GREY))
    return _set_layout(figure, {run_id: (names[run_id], accuracy) for run_id, accuracy in accuracies.items()})


def setting_bars(groups: Sequence[Group], colours: Mapping[str, str] | None = None) -> go.Figure:
    """Draw one bar per setting, from 0 to 100%: the mean over seeds with its 95% interval, and a mark for each seed.

    Args:
        groups: the settings, in the order of the bars.
        colours: colour of each run, by id.
    """
    figure, colours = go.Figure(), colours or {}
    for group in groups:
        name, colour = plain_text(group.name, _NAME_LENGTH), colours.get(group.results[0].run_id, GREY)
        figure.add_bar(
            x=[group.accuracy],
            y=[group.name],
            orientation="h",
            name=name,
            marker={"color": colour, "opacity": 0.6},
            error_x=_interval_line(group.accuracy, setting_interval(group)),
            hovertemplate=f"{name}: %{{x:.1%}}, mean of {count(len(group.results), 'seed')}<extra></extra>",
        )
        figure.add_scatter(
            x=group.accuracies,
            y=[group.name] * len(group.results),
            mode="markers",
            name=f"{name}, seeds",
            marker={"color": INTERVAL_COLOUR, "size": 9, "line": {"width": 1, "color": "white"}},
            hovertemplate=f"{name}: %{{x:.1%}}<extra></extra>",
        )
    return _set_layout(figure, {group.name: (group.name, group.accuracy) for group in groups})


def _add_bar(figure: go.Figure, row: Summary, accuracy: float, name: str, colour: str) -> None:
    low, high = row.interval or (accuracy, accuracy)
    label = plain_text(name, _NAME_LENGTH)
    figure.add_bar(
        x=[accuracy],
        y=[row.id],
        orientation="h",
        name=label,
        marker={"color": colour, "opacity": 0.6},
        error_x=_interval_line(accuracy, (low, high)),
        hovertemplate=f"{label}: %{{x:.1%}}, {percent(low)} to {percent(high)}<extra></extra>",
    )


def _interval_line(value: float, interval: Interval | None) -> dict[str, Any]:
    """Plotly's description of the line from the lower to the upper end of an interval; none without one."""
    low, high = interval or (value, value)
    return {
        "type": "data",
        "symmetric": False,
        "visible": interval is not None,
        "array": [high - value],
        "arrayminus": [value - low],
        "color": INTERVAL_COLOUR,
        "thickness": 2.5,
        "width": 7,
    }


def _set_layout(figure: go.Figure, bars: Mapping[str, tuple[str, float]]) -> go.Figure:
    """Label the bars. `bars` maps each position on the y axis to (name, accuracy)."""
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
                "y": position,
                "showarrow": False,
                "text": f"<b>{percent(accuracy)}</b>",
                "font": {"size": 15},
            }
            for position, (_, accuracy) in bars.items()
        ],
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        fixedrange=True,
        automargin=True,
        tickvals=list(bars),
        ticktext=[_tick_label(name) for name, _ in bars.values()],
    )
    return figure


def _tick_label(name: str) -> str:
    """The label of a bar. A long name is broken at its first comma, before the part that distinguishes it."""
    lines = name.split(", ", 1) if len(name) > _LINE_LENGTH else [name]
    return "<br>".join(plain_text(line, _NAME_LENGTH) for line in lines)
