"""Learning curves: training solid, validation dashed, the best epoch marked by a star."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts.common import MAX_POINTS, downsample, plain_text
from core.analysis.charts.learning_curves.curve_options import BY_EPOCH, CurveOptions
from core.analysis.charts.learning_curves.phase_lines import mark_boundaries
from core.analysis.charts.learning_curves.x_axis import XAxis
from core.analysis.charts.palette import run_colours
from core.analysis.results.settings import run_labels
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import AnyRun, Row

_TITLES = {"accuracy": "Accuracy", "loss": "Loss"}
_FORMATS = {"accuracy": ".1%", "loss": ".3f"}
_LEGEND_TITLE = "Solid: training. Dashed: validation. Star: best epoch."
_NAME_LENGTH, _HEIGHT, _LEGEND_ROW, _FEW_EPOCHS = 44, 400, 22, 12
_MAX_LEGEND_ROWS = 12
"""Largest number of rows for which the chart grows; a longer legend scrolls."""
_PERCENTILES = (0.05, 0.95)
_UNITS = ((2 * 3_600, 3_600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))


@dataclass(frozen=True)
class _Curve:
    """One run with its lines "training" and "validation": points with x, y and the unsmoothed value `raw`."""

    run: AnyRun
    name: str
    colour: str
    metrics: Metrics
    x_axis: XAxis
    lines: dict[str, list[Row]]

    @property
    def z_order(self) -> int:
        """Long runs are drawn below short ones: with one seed, two-phase begins like feature extraction."""
        return -len(self.metrics.epochs)

    def is_smoothed(self, kind: str, options: CurveOptions) -> bool:
        """Validation is smoothed only by epoch: by step and by time it has one value per epoch."""
        return options.smoothing > 0 and (kind == "training" or options.axis == "epoch")


def learning_curves(
    runs: Sequence[AnyRun],
    metrics: Mapping[str, Metrics],
    measure: str,
    options: CurveOptions = BY_EPOCH,
    names: Mapping[str, str] | None = None,
) -> go.Figure:
    """Draw training and validation curves of the runs. Behind smoothed lines the raw ones are drawn faintly.

    By epoch, the training curve has one value per epoch, and one per step in the epoch that is not completed yet; by
    step and by time it has one value per step.

    Args:
        measure: "accuracy" or "loss".
        names: label of each run, by id; by default those of `run_labels`.
    """
    names, colours = names or run_labels(runs), run_colours(runs)
    curves = []
    for run in runs:
        x_axis = XAxis(metrics[run.id], options)
        if x_axis.is_defined:
            curves.append(
                _Curve(
                    run,
                    plain_name(names[run.id]),
                    colours[run.id],
                    metrics[run.id],
                    x_axis,
                    _lines(metrics[run.id], x_axis, measure, options),
                )
            )
    scale, unit = _unit(options, curves)
    figure = go.Figure([trace for curve in curves for trace in _traces(curve, scale, measure, options)])
    mark_boundaries(figure, [(curve.metrics, curve.x_axis, curve.colour) for curve in curves], scale)
    return _set_layout(figure, curves, measure, options, unit)


def plain_name(name: str) -> str:
    """The name of a run in the legend and in the `meta` of its lines."""
    return plain_text(name, _NAME_LENGTH)


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average, corrected for its bias towards the initial 0, as in TensorBoard."""
    average, result = 0.0, []
    for number, value in enumerate(values, start=1):
        average = weight * average + (1 - weight) * value
        result.append(average / (1 - weight**number))
    return result


def _lines(metrics: Metrics, x_axis: XAxis, measure: str, options: CurveOptions) -> dict[str, list[Row]]:
    epochs = metrics.epochs
    if options.axis == "epoch" or not metrics.steps:
        ended = epochs[-1]["epoch"] if epochs else 0
        training = [(x_axis.end(row["epoch"]), row[measure]) for row in epochs]
        training += [(x_axis.step(row), row[measure]) for row in metrics.steps if row["epoch"] == ended + 1]
    else:
        training = [(x_axis.step(row), row[measure]) for row in metrics.steps]
    validation = [(x_axis.end(row["epoch"]), row[f"val_{measure}"]) for row in epochs]
    return {
        "training": _points(training, options.smoothing),
        "validation": _points(validation, options.smoothing if options.axis == "epoch" else 0),
    }


def _points(pairs: Sequence[tuple[float, float]], smoothing: float) -> list[Row]:
    raw = [value for _, value in pairs]
    values = smoothed(raw, smoothing) if smoothing else raw
    return [{"x": x, "y": y, "raw": value} for (x, value), y in zip(pairs, values, strict=True)]


def _traces(curve: _Curve, scale: float, measure: str, options: CurveOptions) -> list[go.Scatter]:
    """The lines of one run, raw ones first, and its best epoch. Only the training line is in the legend."""
    raw = [_raw_line(curve, kind, scale) for kind in curve.lines if curve.is_smoothed(kind, options)]
    lines = [_line(curve, kind, scale, _FORMATS[measure], curve.is_smoothed(kind, options)) for kind in curve.lines]
    return [*raw, *lines, *_best_epoch_mark(curve, scale, measure)]


def _line(curve: _Curve, kind: str, scale: float, digits: str, with_raw: bool) -> go.Scatter:
    rows = downsample(curve.lines[kind], MAX_POINTS, "y")
    hover_text = f"%{{y:{digits}}}" + (f" (raw %{{customdata:{digits}}})" if with_raw else "")
    return go.Scatter(
        x=_column(rows, "x") / scale,
        y=_column(rows, "y"),
        name=curve.name,
        legendgroup=curve.run.id,
        showlegend=kind == "training",
        zorder=curve.z_order,
        meta=f"{curve.name}, {kind}",
        mode="lines+markers" if len(rows) < 2 else "lines",
        line=_style(curve, kind),
        customdata=_column(rows, "raw") if with_raw else None,
        hovertemplate=f"{hover_text}<extra>{curve.name}, {kind}</extra>",
    )


def _raw_line(curve: _Curve, kind: str, scale: float) -> go.Scatter:
    rows = downsample(curve.lines[kind], MAX_POINTS, "raw")
    return go.Scatter(
        x=_column(rows, "x") / scale,
        y=_column(rows, "raw"),
        mode="lines",
        legendgroup=curve.run.id,
        showlegend=False,
        hoverinfo="skip",
        meta=f"{curve.name}, {kind}, raw",
        opacity=0.3,
        zorder=curve.z_order,
        line=_style(curve, kind) | {"width": 1},
    )


def _column(rows: Sequence[Row], name: str) -> np.ndarray:
    """One value of each row, as an array: sent to the browser in half the time and size of a list."""
    return np.array([row[name] for row in rows], dtype=float)


def _style(curve: _Curve, kind: str) -> dict[str, object]:
    validation = kind == "validation"
    return {"color": curve.colour, "dash": "dash" if validation else "solid", "width": 2.5 if validation else 1.5}


def _best_epoch_mark(curve: _Curve, scale: float, measure: str) -> list[go.Scatter]:
    best = curve.metrics.best
    return (
        [
            go.Scatter(
                x=[curve.x_axis.end(best["epoch"]) / scale],
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


def _unit(options: CurveOptions, curves: Sequence[_Curve]) -> tuple[float, str]:
    """The number by which x is divided, and the unit of the axis."""
    if options.axis != "elapsed":
        return 1, f"{options.axis}s"
    longest = max(
        (abs(rows[i]["x"]) for curve in curves for rows in curve.lines.values() if rows for i in (0, -1)), default=0
    )
    return next((scale, unit) for least, scale, unit in _UNITS if longest >= least)


def _set_layout(
    figure: go.Figure, curves: Sequence[_Curve], measure: str, options: CurveOptions, unit: str
) -> go.Figure:
    study = "-".join(curve.run.study for curve in curves[:1])
    figure.update_layout(
        title={"text": _TITLES[measure], "font": {"size": 16}},
        hovermode="x unified",
        hoversort="value descending",
        hoverlabel={"namelength": -1},
        margin={"l": 10, "r": 10, "t": 54, "b": 10},
        uirevision=f"{study}-{options.axis}-{options.aligned}-{options.log}-{options.ignore_outliers}",
        height=_HEIGHT + _LEGEND_ROW * min(max(0, len(curves) - 3), _MAX_LEGEND_ROWS),
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "traceorder": "normal",
            "title": {"text": _LEGEND_TITLE, "side": "top", "font": {"size": 12}},
        },
    )
    _set_x_axis(figure, curves, options, unit)
    log = options.log and measure == "loss"
    figure.update_yaxes(
        type="log" if log else "linear",
        nticks=6 if log else None,
        tickformat=".0%" if measure == "accuracy" else None,
        range=_range_without_outliers(figure, log) if options.ignore_outliers else None,
    )
    return figure


def _set_x_axis(figure: go.Figure, curves: Sequence[_Curve], options: CurveOptions, unit: str) -> None:
    title = {"epochs": "Epoch", "steps": "Step"}.get(unit, f"Training time, {unit}")
    if options.aligned:
        title = f"{unit.capitalize()} from the start of fine-tuning"
    epochs = max((len(curve.metrics.epochs) for curve in curves), default=0)
    digits = {"epoch": ".4~r", "step": ",d", "elapsed": ".1f"}[options.axis]
    figure.update_xaxes(
        title={"text": title},
        rangemode="normal" if options.aligned else "tozero",
        dtick=1 if options.axis == "epoch" and epochs <= _FEW_EPOCHS else None,
        unifiedhovertitle={"text": f"{title}: %{{x:{digits}}}"},
    )


def _range_without_outliers(figure: go.Figure, log: bool) -> list[float] | None:
    values = np.array([y for trace in figure.data for y in trace.y], dtype=float)
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not values.size:
        return None
    low, high = np.quantile(np.log10(values) if log else values, _PERCENTILES)
    padding = 0.08 * (high - low) or 0.05
    return [float(low - padding), float(high + padding)]
