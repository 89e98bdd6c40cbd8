"""Learning curves of settings rather than runs: the mean over seeds, with a band that tells how they spread."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts.learning_curves.curve_options import BY_EPOCH, CurveOptions
from core.analysis.charts.learning_curves.curves import learning_curves, plain_name, smoothed
from core.analysis.results.settings import group_by_setting, run_labels
from core.analysis.statistics.significance import two_sided_t
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import AnyRun, Row

BANDS = ("range", "deviation", "interval")
"""From the lowest seed to the highest; a standard deviation either way; the 95% interval of the mean."""

_MEANT = "loss", "accuracy", "val_loss", "val_accuracy", "seconds", "elapsed", "images_per_second"


def has_several_seeds(runs: Sequence[AnyRun]) -> bool:
    """Whether some of the runs differ in nothing but their seeds."""
    return any(len(members) > 1 for _, members in group_by_setting(runs))


def group_curves(
    runs: Sequence[AnyRun],
    metrics: Mapping[str, Metrics],
    measure: str,
    view: CurveOptions = BY_EPOCH,
    band: str = "range",
) -> go.Figure:
    """`learning_curves` of the means over seeds, by epoch or time; the band is that of validation.

    A mean goes as far as all seeds of its setting have trained; runs without an epoch are left out. Raises
    `ValueError` for the step axis, which has no mean, and an unknown band.
    """
    if view.axis == "step" or band not in BANDS:
        raise ValueError(
            f"Expected the axis epoch or elapsed and one of {', '.join(BANDS)}; received {view.axis!r} and {band!r}."
        )
    groups = group_by_setting([run for run in runs if metrics[run.id].epochs])
    means = {run.id: mean_metrics([metrics[member.id] for member in members]) for run, members in groups}
    named = run_labels([run for run, _ in groups])
    names = {run.id: f"{named[run.id]}, {_seeds(len(members))}" for run, members in groups}
    figure = learning_curves([run for run, _ in groups], means, measure, view, names)
    lines = {(trace.legendgroup, trace.meta): trace for trace in figure.data}
    for run, members in groups:
        line = lines.get((run.id, f"{plain_name(names[run.id])}, validation"))
        if len(members) > 1 and line is not None:
            figure.add_trace(_band(line, [metrics[member.id] for member in members], measure, view, band))
    return figure


def mean_metrics(several: Sequence[Metrics]) -> Metrics:
    """The rows of several runs of one setting as those of one: the mean of each epoch that all of them have."""
    shared = min(len(metrics.epochs) for metrics in several)
    return Metrics(tuple(_mean([metrics.epochs[i] for metrics in several]) for i in range(shared)))


def _mean(rows: Sequence[Row]) -> Row:
    return rows[0] | {name: fmean(row[name] for row in rows) for name in _MEANT if all(name in row for row in rows)}


def _seeds(count: int) -> str:
    return "one seed" if count == 1 else f"{count} seeds"


def _band(line: go.Scatter, several: Sequence[Metrics], measure: str, view: CurveOptions, band: str) -> go.Scatter:
    """The spread around a line of validation: as wide as the line is long, in its colour."""
    values = np.array([[row[f"val_{measure}"] for row in metrics.epochs[: len(line.x)]] for metrics in several])
    low, high = _edges(values, band)
    if view.smoothing and view.axis == "epoch":
        low, high = (np.array(smoothed(edge.tolist(), view.smoothing)) for edge in (low, high))
    return go.Scatter(
        x=[*line.x, *line.x[::-1]],
        y=[*high, *low[::-1]],
        fill="toself",
        mode="lines",
        line={"width": 0},
        fillcolor=line.line.color,
        opacity=0.18,
        hoverinfo="skip",
        showlegend=False,
        legendgroup=line.legendgroup,
        zorder=-1_000,
        meta=f"{line.meta}, {band}",
    )


def _edges(values: np.ndarray, band: str) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of (seeds, epochs) values."""
    if band == "range":
        return values.min(axis=0), values.max(axis=0)
    seeds = len(values)
    half = values.std(axis=0, ddof=1) * (1 if band == "deviation" else two_sided_t(seeds - 1) / math.sqrt(seeds))
    return values.mean(axis=0) - half, values.mean(axis=0) + half
