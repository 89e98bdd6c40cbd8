"""Chart of accuracy, training time or gap over the number of unfrozen layers."""

from collections.abc import Sequence
from statistics import fmean

import plotly.graph_objects as go

from core.analysis.charts.common import LEGEND_BELOW
from core.analysis.charts.palette import GREY, STRATEGY_COLOURS
from core.analysis.comparison.depth import Depth
from core.experiment.guidelines import Guideline

MEASURES = {"accuracy": "Test accuracy", "seconds": "Minutes of training", "gap": "Training minus validation"}
"""The measures that can be drawn, with the titles of their axes."""

_COLOUR, _BAND = STRATEGY_COLOURS["two-phase"], "rgba(0, 158, 115, 0.2)"
_HEIGHT = 320


def depth_chart(
    depths: Sequence[Depth], measure: str, rule: Guideline | None = None, default: int | None = None
) -> go.Figure:
    """Draw the mean over seeds at each depth, with a band from the lowest to the highest seed.

    Args:
        measure: one of `MEASURES`.
        rule: suggested range of unfrozen layers, which is shaded.
        default: default depth, which a dotted line marks.

    Raises `ValueError` for another measure.
    """
    if measure not in MEASURES:
        raise ValueError(f"Expected one of {', '.join(MEASURES)}; received {measure!r}.")
    shown = [(depth.layers, values) for depth in depths if (values := _values(depth, measure))]
    layers, several = [layers for layers, _ in shown], any(len(values) > 1 for _, values in shown)
    figure = go.Figure()
    if several:
        figure.add_scatter(
            x=[*layers, *layers[::-1]],
            y=[*(max(values) for _, values in shown), *(min(values) for _, values in shown[::-1])],
            fill="toself",
            fillcolor=_BAND,
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            name="lowest to highest seed",
        )
    figure.add_scatter(
        x=layers,
        y=[fmean(values) for _, values in shown],
        mode="lines+markers",
        name="mean of the seeds" if several else "one seed",
        line={"color": _COLOUR, "width": 2},
        marker={"size": 8},
        hovertemplate=f"%{{x}} layers: %{{y:{_format(measure)}}}<extra></extra>",
    )
    if rule:
        figure.add_vrect(rule.low, rule.high, fillcolor=GREY, opacity=0.18, line_width=0, layer="below")
    if default is not None:
        figure.add_vline(default, line={"color": GREY, "dash": "dot", "width": 1.5})
    return _set_layout(figure, layers, measure)


def _values(depth: Depth, measure: str) -> tuple[float, ...]:
    """The value of each seed; times in minutes."""
    return {
        "accuracy": depth.accuracies,
        "gap": depth.gaps,
        "seconds": tuple(seconds / 60 for seconds in depth.seconds),
    }[measure]


def _format(measure: str) -> str:
    return ".1f" if measure == "seconds" else ".1%"


def _set_layout(figure: go.Figure, layers: Sequence[int], measure: str) -> go.Figure:
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        showlegend=measure == "accuracy",
        legend=LEGEND_BELOW,
    )
    ticks = {"tickvals": list(layers)} if measure == "accuracy" else {}  # the other two charts are too narrow for all
    figure.update_xaxes(title={"text": "Unfrozen layers"}, fixedrange=True, **ticks)
    figure.update_yaxes(title={"text": MEASURES[measure]}, tickformat=_format(measure), fixedrange=True)
    if measure == "seconds":
        figure.update_yaxes(rangemode="tozero")
    return figure
