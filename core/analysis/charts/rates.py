"""Chart of validation or test accuracy over the learning rate of the head, one line per dropout."""

from collections.abc import Sequence
from statistics import fmean
from typing import Final, Literal

import plotly.graph_objects as go

from core.analysis.charts.common import LEGEND_BELOW
from core.analysis.charts.palette import EXTRA_COLOURS, GREY, STRATEGY_COLOURS
from core.analysis.comparison.rates import RateResult, RateSweep
from core.analysis.statistics.wilson_interval import Interval
from core.experiment.strategy import rate

Measure = Literal["validation", "test"]
TITLES: Final[dict[Measure, str]] = {"validation": "Validation accuracy", "test": "Test accuracy"}
"""The measures that can be drawn, with the titles of their axes."""

_COLOURS = (STRATEGY_COLOURS["feature-extraction"], *EXTRA_COLOURS)
_MARKERS = ("circle", "square", "diamond", "triangle-up")
_HEIGHT, _PADDING, _BAND_OPACITY = 340, 0.03, 0.16


def rates_chart(sweep: RateSweep, measure: Measure) -> go.Figure:
    """Draw the mean over seeds at each rate on a log axis, with the 95% interval of the mean as a band.

    A star marks the best rate by validation accuracy, in the chart of the test accuracy too. The rates within the
    equivalence margin of it are shaded. Both charts have the same y axis. Raises `ValueError` for another measure.
    """
    if measure not in TITLES:
        raise ValueError(f"Expected one of {', '.join(TITLES)}; received {measure!r}.")
    figure = go.Figure()
    for number, dropout in enumerate(sweep.dropouts):
        line, colour = sweep.with_dropout(dropout), _COLOURS[number % len(_COLOURS)]
        name = f"dropout {dropout:g}" if len(sweep.dropouts) > 1 else "mean of the seeds"
        _add_band(figure, line, measure, colour, name, is_named=len(sweep.dropouts) == 1)
        _add_line(figure, line, measure, colour, name, _MARKERS[number % len(_MARKERS)])
    _add_best(figure, sweep, measure)
    if len(sweep.equivalent) > 1:
        low, high = sweep.equivalent[0].rate, sweep.equivalent[-1].rate
        figure.add_vrect(low, high, fillcolor=GREY, opacity=0.14, line_width=0, layer="below")
    return _set_layout(figure, sweep, measure)


def _values(result: RateResult, measure: Measure) -> tuple[float, ...]:
    return result.validation if measure == "validation" else result.test


def _interval(result: RateResult, measure: Measure) -> Interval:
    """The interval of the mean; with one seed the value itself."""
    values = _values(result, measure)
    return result.interval(values) or (fmean(values), fmean(values))


def _add_band(
    figure: go.Figure, line: Sequence[RateResult], measure: Measure, colour: str, name: str, is_named: bool
) -> None:
    if all(len(_values(result, measure)) < 2 for result in line):
        return
    rates, bounds = [result.rate for result in line], [_interval(result, measure) for result in line]
    figure.add_scatter(
        x=[*rates, *rates[::-1]],
        y=[*(high for _, high in bounds), *(low for low, _ in bounds[::-1])],
        fill="toself",
        fillcolor=_transparent(colour),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        name="95% interval of the mean",
        meta=f"{name}, 95% interval of the mean",
        showlegend=is_named,
    )


def _add_line(
    figure: go.Figure, line: Sequence[RateResult], measure: Measure, colour: str, name: str, symbol: str
) -> None:
    several = any(len(_values(result, measure)) > 1 for result in line)
    figure.add_scatter(
        x=[result.rate for result in line],
        y=[fmean(_values(result, measure)) for result in line],
        mode="lines+markers",
        name=name if several or name != "mean of the seeds" else "one seed",
        line={"color": colour, "width": 2, "dash": "dash" if measure == "validation" else "solid"},
        marker={"size": 7, "symbol": symbol},
        customdata=[rate(result.rate) for result in line],
        hovertemplate="rate %{customdata}: %{y:.1%}<extra></extra>",
    )


def _add_best(figure: go.Figure, sweep: RateSweep, measure: Measure) -> None:
    colour = _COLOURS[sweep.dropouts.index(sweep.best.dropout) % len(_COLOURS)]
    figure.add_scatter(
        x=[sweep.best.rate],
        y=[fmean(_values(sweep.best, measure))],
        mode="markers",
        name="best by validation",
        cliponaxis=False,
        hoverinfo="skip",
        marker={"symbol": "star", "size": 17, "color": colour, "line": {"width": 1, "color": "white"}},
    )


def _transparent(colour: str) -> str:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {_BAND_OPACITY})"


def _set_layout(figure: go.Figure, sweep: RateSweep, measure: Measure) -> go.Figure:
    bounds = [end for result in sweep.results for name in TITLES for end in _interval(result, name)]
    low, high = max(0.0, min(bounds) - _PADDING), min(1.0, max(bounds) + _PADDING)
    figure.update_layout(height=_HEIGHT, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend=LEGEND_BELOW)
    figure.update_xaxes(type="log", title={"text": "Learning rate"}, dtick=1, exponentformat="power", fixedrange=True)
    figure.update_yaxes(title={"text": TITLES[measure]}, tickformat=".0%", range=[low, high], fixedrange=True)
    return figure
