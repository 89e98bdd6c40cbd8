"""Test accuracies as bars with their intervals."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.analysis.charts import plain_text
from core.analysis.palette import GREY, colours
from core.analysis.summary import Summary
from core.analysis.words import percent

_FRAME_PIXELS, _BAR_PIXELS, _NAME_LENGTH, _LINE_LENGTH = 60, 46, 34, 24
INTERVAL = "#8A8F98"
"""Read on every strategy's colour, on white and on black."""


def accuracy_bars(rows: Sequence[Summary], names: Mapping[str, str] | None = None,
                  hues: Mapping[str, str] | None = None) -> go.Figure:
    """A bar a measured run, from 0 to 100%, with the 95% interval of what it would get on all such images.

    Args:
        names: what to call each run, by id; its strategy where none is given.
        hues: each run's colour, by id; its strategy's where none is given.
    """
    shown = [row for row in rows if row.test_accuracy is not None]
    names = names or {row.id: row.title for row in shown}
    palette = colours(row.strategy for row in shown)
    hues = hues or {row.id: palette[row.strategy] for row in shown}
    figure = go.Figure()
    for row in shown:
        _add_bar(figure, row, names[row.id], hues.get(row.id, GREY))
    return _dress(figure, shown, names)


def _add_bar(figure: go.Figure, row: Summary, name: str, colour: str) -> None:
    low, high = row.interval or (row.test_accuracy, row.test_accuracy)
    label = plain_text(name, _NAME_LENGTH)
    figure.add_bar(
        x=[row.test_accuracy], y=[row.id], orientation="h", name=label, marker={"color": colour, "opacity": 0.6},
        error_x={"type": "data", "symmetric": False, "array": [high - row.test_accuracy],
                 "arrayminus": [row.test_accuracy - low], "color": INTERVAL, "thickness": 2.5, "width": 7},
        hovertemplate=f"{label}: %{{x:.1%}}, {percent(low)} to {percent(high)}<extra></extra>")


def _dress(figure: go.Figure, rows: Sequence[Summary], names: Mapping[str, str]) -> go.Figure:
    figure.update_layout(
        showlegend=False, height=_FRAME_PIXELS + _BAR_PIXELS * len(rows), bargap=0.35, barmode="overlay",
        margin={"l": 10, "r": 64, "t": 10, "b": 30},
        annotations=[{"xref": "paper", "x": 1, "xanchor": "left", "xshift": 10, "y": row.id, "showarrow": False,
                      "text": f"<b>{percent(row.test_accuracy)}</b>", "font": {"size": 15}} for row in rows])
    figure.update_xaxes(range=[0, 1], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(type="category", autorange="reversed", fixedrange=True, automargin=True,
                        tickvals=[row.id for row in rows], ticktext=[_label(names[row.id]) for row in rows])
    return figure


def _label(name: str) -> str:
    """A name beside its bar: a long one on two lines, broken before what tells it from its like."""
    lines = name.split(", ", 1) if len(name) > _LINE_LENGTH else [name]
    return "<br>".join(plain_text(line, _NAME_LENGTH) for line in lines)
