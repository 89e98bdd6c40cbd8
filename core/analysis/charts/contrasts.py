"""Chart of the differences between settings with their intervals and the equivalence margin."""

from collections.abc import Sequence
from itertools import islice

import plotly.graph_objects as go

from core.analysis.charts.common import plain_text
from core.analysis.charts.palette import GREY
from core.analysis.comparison.pairs.contrast import Contrast, Judgement
from core.analysis.comparison.verdict import Verdict
from core.analysis.statistics.wilson_interval import Interval
from core.analysis.text import lower_first, points

_FRAME_PIXELS, _ROW_PIXELS, _NAME_LENGTH = 70, 54, 34
_COLOUR = "#3A86CF"
MAX_PAIRS = 10
"""Largest number of pairs that are drawn."""

_MARKS = {
    Judgement.BETTER: "circle",
    Judgement.EQUAL: "square",
    Judgement.SAME: "square",
    Judgement.OPEN: "circle-open",
}


def contrast_chart(verdict: Verdict) -> go.Figure:
    """Draw one row per pair of settings: its difference in points with the 95% interval.

    Filled marks are pairs with a result, open marks are too close to call. The equivalence margin is shaded. If there
    are more than `MAX_PAIRS` pairs, only those with the best setting are drawn, at most `MAX_PAIRS`.
    """
    shown = shown_contrasts(verdict)
    figure = go.Figure([_row(number, contrast) for number, contrast in enumerate(shown)])
    margin = 100 * max((contrast.margin for contrast in shown), default=0)
    figure.add_vrect(-margin, margin, fillcolor=GREY, opacity=0.18, line_width=0, layer="below")
    figure.add_vline(0, line={"color": GREY, "width": 1})
    rows = list(range(len(shown)))
    figure.update_layout(
        showlegend=False, height=_FRAME_PIXELS + _ROW_PIXELS * len(rows), margin={"l": 10, "r": 20, "t": 10, "b": 40}
    )
    figure.update_xaxes(title={"text": "Difference in points"}, fixedrange=True, zeroline=False)
    figure.update_yaxes(
        autorange="reversed",
        fixedrange=True,
        automargin=True,
        showgrid=False,
        zeroline=False,
        tickvals=rows,
        ticktext=[_label(contrast) for contrast in shown],
    )
    return figure


def shown_contrasts(verdict: Verdict) -> Sequence[Contrast]:
    """The pairs that the chart draws; of the best setting those with the next best ones."""
    if len(verdict.contrasts) <= MAX_PAIRS:
        return verdict.contrasts
    best = verdict.groups[0].name
    with_best = (contrast for contrast in verdict.contrasts if best in (contrast.first.name, contrast.second.name))
    return list(islice(with_best, MAX_PAIRS))


def _row(number: int, contrast: Contrast) -> go.Scatter:
    low, high = (100 * end for end in contrast.interval)
    difference = 100 * contrast.difference
    name = f"{plain_text(contrast.first.name)} against {plain_text(contrast.second.name)}"
    return interval_mark(
        number,
        difference,
        (low, high),
        name,
        _MARKS[contrast.judgement],
        f"{name}: {points(contrast.difference)}, {low:.1f} to {high:.1f}: {contrast.judgement}",
    )


def interval_mark(
    y: float | str, value: float, interval: Interval, name: str, symbol: str, hover_text: str
) -> go.Scatter:
    """A mark at (`value`, `y`) with its horizontal interval."""
    return go.Scatter(
        x=[value],
        y=[y],
        mode="markers",
        name=name,
        marker={"symbol": symbol, "size": 12, "color": _COLOUR, "line": {"width": 2}},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [interval[1] - value],
            "arrayminus": [value - interval[0]],
            "thickness": 2.5,
            "width": 7,
            "color": _COLOUR,
        },
        hovertemplate=f"{hover_text}<extra></extra>",
    )


def _label(contrast: Contrast) -> str:
    first, second = (plain_text(group.name, _NAME_LENGTH) for group in (contrast.first, contrast.second))
    return f"{first}<br>against {lower_first(second)}"
