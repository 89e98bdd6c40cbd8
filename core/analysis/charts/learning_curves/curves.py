"""Learning curves: training is solid, validation dashed, a star marks the best epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts.common import MAX_POINTS, plain_text, thin
from core.analysis.charts.learning_curves.curve_options import BY_EPOCH, CurveOptions
from core.analysis.charts.learning_curves.phase_lines import mark_boundaries
from core.analysis.charts.learning_curves.x_axis import XAxis
from core.analysis.charts.palette import run_colours
from core.analysis.results.settings import run_labels
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import AnyRun, Row

_TITLES = {"accuracy": "Accuracy", "loss": "Loss"}
_VALUES = {"accuracy": ".1%", "loss": ".3f"}
_KEY = "Solid: training. Dashed: validation. Star: best epoch."
_NAME_LENGTH, _HEIGHT, _LEGEND_ROW, _FEW_EPOCHS = 44, 400, 22, 12
_OUTLIERS = (0.05, 0.95)
_UNITS = ((2 * 3_600, 3_600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))


@dataclass(frozen=True)
class _Curve:
    """One run's lines, by "training" and "validation": points with x, y and, before smoothing, raw."""

    run: AnyRun
    name: str
    colour: str
    metrics: Metrics
    places: XAxis
    lines: dict[str, list[Row]]

    @property
    def layer(self) -> int:
        """Long runs lie below short ones: with the same seed a two-phase run begins as feature extraction."""
        return -len(self.metrics.epochs)

    def is_smoothed(self, kind: str, view: CurveOptions) -> bool:
        """By step and by time validation stays as it was measured, once an epoch."""
        return view.smoothing > 0 and (kind == "training" or view.axis == "epoch")


def learning_curves(
    runs: Sequence[AnyRun],
    metrics: Mapping[str, Metrics],
    measure: str,
    view: CurveOptions = BY_EPOCH,
    names: Mapping[str, str] | None = None,
) -> go.Figure:
    """Training and validation `measure` ("accuracy" or "loss") of runs, called `names` by id where those are given.

    By epoch, training is each epoch's value, and within the epoch that trains now it goes on from step to step; by
    step and by time it is every step. Smoothed lines have the raw ones faint behind them.
    """
    names, colours = names or run_labels(runs), run_colours(runs)
    curves = []
    for run in runs:
        places = XAxis(metrics[run.id], view)
        if places.exist:
            curves.append(
                _Curve(
                    run,
                    plain_name(names[run.id]),
                    colours[run.id],
                    metrics[run.id],
                    places,
                    _lines(metrics[run.id], places, measure, view),
                )
            )
    scale, unit = _unit(view, curves)
    figure = go.Figure([trace for curve in curves for trace in _traces(curve, scale, measure, view)])
    mark_boundaries(figure, [(curve.metrics, curve.places, curve.colour) for curve in curves], scale)
    return _dress(figure, curves, measure, view, unit)


def plain_name(name: str) -> str:
    """A run's name as its lines have it."""
    return plain_text(name, _NAME_LENGTH)


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average, freed of its bias towards the 0 it starts from, as TensorBoard has it."""
    average, result = 0.0, []
    for number, value in enumerate(values, start=1):
        average = weight * average + (1 - weight) * value
        result.append(average / (1 - weight**number))
    return result


def _lines(metrics: Metrics, places: XAxis, measure: str, view: CurveOptions) -> dict[str, list[Row]]:
    epochs = metrics.epochs
    if view.axis == "epoch" or not metrics.steps:
        ended = epochs[-1]["epoch"] if epochs else 0
        training = [(places.end(row["epoch"]), row[measure]) for row in epochs]
        training += [(places.step(row), row[measure]) for row in metrics.steps if row["epoch"] == ended + 1]
    else:
        training = [(places.step(row), row[measure]) for row in metrics.steps]
    validation = [(places.end(row["epoch"]), row[f"val_{measure}"]) for row in epochs]
    return {
        "training": _points(training, view.smoothing),
        "validation": _points(validation, view.smoothing if view.axis == "epoch" else 0),
    }


def _points(pairs: Sequence[tuple[float, float]], smoothing: float) -> list[Row]:
    raw = [value for _, value in pairs]
    values = smoothed(raw, smoothing) if smoothing else raw
    return [{"x": x, "y": y, "raw": value} for (x, value), y in zip(pairs, values, strict=True)]


def _traces(curve: _Curve, scale: float, measure: str, view: CurveOptions) -> list[go.Scatter]:
    """The lines of one run, raw ones first, and its star; the legend names the run by its training line."""
    raw = [_raw_line(curve, kind, scale) for kind in curve.lines if curve.is_smoothed(kind, view)]
    lines = [_line(curve, kind, scale, _VALUES[measure], curve.is_smoothed(kind, view)) for kind in curve.lines]
    return [*raw, *lines, *_star(curve, scale, measure)]


def _line(curve: _Curve, kind: str, scale: float, digits: str, with_raw: bool) -> go.Scatter:
    rows = thin(curve.lines[kind], MAX_POINTS, "y")
    told = f"%{{y:{digits}}}" + (f" (raw %{{customdata:{digits}}})" if with_raw else "")
    return go.Scatter(
        x=_column(rows, "x") / scale,
        y=_column(rows, "y"),
        name=curve.name,
        legendgroup=curve.run.id,
        showlegend=kind == "training",
        zorder=curve.layer,
        meta=f"{curve.name}, {kind}",
        mode="lines+markers" if len(rows) < 2 else "lines",
        line=_style(curve, kind),
        customdata=_column(rows, "raw") if with_raw else None,
        hovertemplate=f"{told}<extra>{curve.name}, {kind}</extra>",
    )


def _raw_line(curve: _Curve, kind: str, scale: float) -> go.Scatter:
    rows = thin(curve.lines[kind], MAX_POINTS, "raw")
    return go.Scatter(
        x=_column(rows, "x") / scale,
        y=_column(rows, "raw"),
        mode="lines",
        legendgroup=curve.run.id,
        showlegend=False,
        hoverinfo="skip",
        meta=f"{curve.name}, {kind}, raw",
        opacity=0.3,
        zorder=curve.layer,
        line=_style(curve, kind) | {"width": 1},
    )


def _column(rows: Sequence[Row], name: str) -> np.ndarray:
    """One value of each row; an array goes to the browser in half the time and half the size."""
    return np.array([row[name] for row in rows], dtype=float)


def _style(curve: _Curve, kind: str) -> dict[str, object]:
    validation = kind == "validation"
    return {"color": curve.colour, "dash": "dash" if validation else "solid", "width": 2.5 if validation else 1.5}


def _star(curve: _Curve, scale: float, measure: str) -> list[go.Scatter]:
    best = curve.metrics.best
    return (
        [
            go.Scatter(
                x=[curve.places.end(best["epoch"]) / scale],
                y=[best[f"val_{measure}"]],
                mode="markers",
                showlegend=False,
                legendgroup=curve.run.id,
                meta=f"{curve.name}, best epoch",
                hoverinfo="skip",
                zorder=1,
                cliponaxis=False,
                marker={"symbol": "star", "size": 14, "color": curve.colour},
            )
        ]
        if best
        else []
    )


def _unit(view: CurveOptions, curves: Sequence[_Curve]) -> tuple[float, str]:
    """What x is divided by, and what the axis counts."""
    if view.axis != "elapsed":
        return 1, f"{view.axis}s"
    longest = max(
        (abs(rows[i]["x"]) for curve in curves for rows in curve.lines.values() if rows for i in (0, -1)), default=0
    )
    return next((scale, unit) for least, scale, unit in _UNITS if longest >= least)


def _dress(figure: go.Figure, curves: Sequence[_Curve], measure: str, view: CurveOptions, unit: str) -> go.Figure:
    study = "-".join(curve.run.study for curve in curves[:1])
    figure.update_layout(
        title={"text": _TITLES[measure], "font": {"size": 16}},
        hovermode="x unified",
        hoversort="value descending",
        hoverlabel={"namelength": -1},
        margin={"l": 10, "r": 10, "t": 54, "b": 10},
        uirevision=f"{study}-{view.axis}-{view.aligned}-{view.log}-{view.ignore_outliers}",
        height=_HEIGHT + _LEGEND_ROW * max(0, len(curves) - 3),
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "traceorder": "normal",
            "title": {"text": _KEY, "side": "top", "font": {"size": 12}},
        },
    )
    _dress_x(figure, curves, view, unit)
    log = view.log and measure == "loss"
    figure.update_yaxes(
        type="log" if log else "linear",
        nticks=6 if log else None,
        tickformat=".0%" if measure == "accuracy" else None,
        range=_range_without_outliers(figure, log) if view.ignore_outliers else None,
    )
    return figure


def _dress_x(figure: go.Figure, curves: Sequence[_Curve], view: CurveOptions, unit: str) -> None:
    title = {"epochs": "Epoch", "steps": "Step"}.get(unit, f"Training time, {unit}")
    if view.aligned:
        title = f"{unit.capitalize()} from the start of fine-tuning"
    epochs = max((len(curve.metrics.epochs) for curve in curves), default=0)
    digits = {"epoch": ".4~r", "step": ",d", "elapsed": ".1f"}[view.axis]
    figure.update_xaxes(
        title={"text": title},
        rangemode="normal" if view.aligned else "tozero",
        dtick=1 if view.axis == "epoch" and epochs <= _FEW_EPOCHS else None,
        unifiedhovertitle={"text": f"{title}: %{{x:{digits}}}"},
    )


def _range_without_outliers(figure: go.Figure, log: bool) -> list[float] | None:
    values = np.array([y for trace in figure.data for y in trace.y], dtype=float)
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not values.size:
        return None
    low, high = np.quantile(np.log10(values) if log else values, _OUTLIERS)
    room = 0.08 * (high - low) or 0.05
    return [float(low - room), float(high + room)]
