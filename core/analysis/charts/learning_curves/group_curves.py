"""Learning curves of settings: the mean over seeds, with a band for the spread of the seeds."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts.learning_curves.curve_options import BY_EPOCH, CurveOptions
from core.analysis.charts.learning_curves.curves import learning_curves, plain_name, smoothed
from core.analysis.results.settings import group_by_setting, run_labels
from core.analysis.statistics.random_effects import mean_interval
from core.data.datasets.split import TEST_TO_TRAINING
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import AnyRun, Row

BANDS = ("range", "deviation", "interval")
"""Lowest to highest seed; one standard deviation on each side of the mean; 95% interval of the mean, as in verdicts."""

_AVERAGED = "loss", "accuracy", "val_loss", "val_accuracy", "seconds", "elapsed", "images_per_second"


def has_several_seeds(runs: Sequence[AnyRun]) -> bool:
    """Whether some of the runs differ only in their seeds."""
    return any(len(members) > 1 for _, members in group_by_setting(runs))


def group_curves(
    runs: Sequence[AnyRun],
    metrics: Mapping[str, Metrics],
    measure: str,
    options: CurveOptions = BY_EPOCH,
    band: str = "range",
) -> go.Figure:
    """Draw `learning_curves` of the means over seeds, with a band around each validation curve.

    A mean ends at the last epoch that all its seeds have completed. Runs that still train have curves of their own.
    Runs without rows are left out.

    Args:
        measure: "accuracy" or "loss".
        band: one of `BANDS`.

    Raises `ValueError` for an unknown band.
    """
    if band not in BANDS:
        raise ValueError(f"Expected one of {', '.join(BANDS)}; received {band!r}.")
    groups = group_by_setting([run for run in runs if run.state.is_finished and metrics[run.id].epochs])
    unfinished = [
        run for run in runs if not run.state.is_finished and (metrics[run.id].epochs or metrics[run.id].steps)
    ]
    means = {run.id: mean_metrics([metrics[member.id] for member in members]) for run, members in groups}
    labels = run_labels([run for run, _ in groups])
    names = {run.id: f"{labels[run.id]}, {_seed_count(len(members))}" for run, members in groups}
    shown = [*(run for run, _ in groups), *unfinished]
    figure = learning_curves(shown, {**metrics, **means}, measure, options, run_labels(runs) | names)
    lines = {(trace.legendgroup, trace.meta): trace for trace in figure.data}
    for run, members in groups:
        line = lines.get((run.id, f"{plain_name(names[run.id])}, validation"))
        if len(members) > 1 and line is not None:
            figure.add_trace(_band(line, [metrics[member.id] for member in members], measure, options, band))
    return figure


def mean_metrics(several: Sequence[Metrics]) -> Metrics:
    """Average the metrics of several runs of one setting, over the epochs that all of them have completed.

    The steps are those of the first run. The values of the other runs are interpolated there, because they may have
    rows for other steps.
    """
    shared = min(len(metrics.epochs) for metrics in several)
    epochs = tuple(_mean([metrics.epochs[i] for metrics in several]) for i in range(shared))
    steps = [[row for row in metrics.steps if row["epoch"] <= shared] for metrics in several]
    return Metrics(epochs, _mean_steps(steps) if all(steps) else ())


def _mean_steps(several: Sequence[Sequence[Row]]) -> tuple[Row, ...]:
    first = several[0]
    if len(several) == 1:
        return tuple(first)
    places = [_places(rows) for rows in several]
    averaged = [name for name in _AVERAGED if all(name in row for rows in several for row in rows)]
    means = {
        name: np.mean(
            [np.interp(places[0], own, [row[name] for row in rows]) for own, rows in zip(places, several, strict=True)],
            axis=0,
        ).tolist()
        for name in averaged
    }
    return tuple(row | {name: means[name][i] for name in averaged} for i, row in enumerate(first))


def _places(steps: Sequence[Row]) -> list[float]:
    """Epochs trained at the end of each step."""
    return [row["epoch"] - 1 + row.get("done", 1.0) for row in steps]


def _mean(rows: Sequence[Row]) -> Row:
    averaged = [name for name in _AVERAGED if all(name in row for row in rows)]
    return rows[0] | {name: fmean(row[name] for row in rows) for name in averaged}


def _seed_count(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"{seeds} seeds"


def _band(line: go.Scatter, several: Sequence[Metrics], measure: str, options: CurveOptions, band: str) -> go.Scatter:
    """The band around a validation line, of the same length and colour."""
    values = np.array([[row[f"val_{measure}"] for row in metrics.epochs[: len(line.x)]] for metrics in several])
    low, high = _edges(values, band)
    if options.smoothing and options.axis == "epoch":
        low, high = (np.array(smoothed(edge.tolist(), options.smoothing)) for edge in (low, high))
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
    """Lower and upper edge of a band, from (seeds, epochs) values."""
    if band == "range":
        return values.min(axis=0), values.max(axis=0)
    if band == "interval":
        low, high = np.transpose([mean_interval(epoch, TEST_TO_TRAINING) for epoch in values.T])
        return low, high
    deviation = values.std(axis=0, ddof=1)
    return values.mean(axis=0) - deviation, values.mean(axis=0) + deviation
