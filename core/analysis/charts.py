"""Rows -> Plotly figures. Colour means strategy; training is solid, validation dashed."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.analysis.palette import colours
from core.experiment.metrics import Metrics
from core.experiment.run import Row, Run

MAX_POINTS = 1_000
_TITLES = {"accuracy": "Accuracy", "loss": "Loss"}


def learning_curves(runs: Sequence[Run], metrics: Mapping[str, Metrics], measure: str) -> go.Figure:
    """Training and validation `measure` ("accuracy" or "loss") of runs by epoch.

    A dotted line marks where fine-tuning starts, a star each run's best epoch. Within the epoch that trains now the
    training line goes on from step to step.
    """
    figure = go.Figure()
    palette = colours(run.config.strategy.name for run in runs if run.config)
    for run in runs:
        if run.config:
            _add_run(figure, run, metrics[run.id], measure, palette[run.config.strategy.name])
    return _dress(figure, measure, "-".join(run.study for run in runs[:1]))


def _add_run(figure: go.Figure, run: Run, metrics: Metrics, measure: str, colour: str) -> None:
    title = _plain(run.title)
    training = [(row["epoch"], row[measure]) for row in metrics.epochs] + _within_epoch(metrics, measure)
    validation = [(row["epoch"], row[f"val_{measure}"]) for row in metrics.epochs]
    _add_line(figure, training, f"{title}, training", colour, "solid", 1.5)
    _add_line(figure, validation, f"{title}, validation", colour, "dash", 2.5)
    for boundary in metrics.boundaries:
        figure.add_vline(boundary - 0.5, line={"color": colour, "width": 1, "dash": "dot"},
                         annotation={"text": _boundary_label(metrics, boundary), "font": {"size": 11}})
    if best := metrics.best:
        figure.add_scatter(x=[best["epoch"]], y=[best[f"val_{measure}"]], mode="markers", name=f"{title}, best",
                           marker={"symbol": "star", "size": 13, "color": colour})


def _boundary_label(metrics: Metrics, boundary: int) -> str:
    """What begins with this epoch, the first = 1."""
    before, after = metrics.epochs[boundary - 2], metrics.epochs[boundary - 1]
    starts = before.get("unfreeze") == 0 and after.get("unfreeze", 0) > 0
    return "fine-tuning starts" if starts else f"phase {after['phase']}"


def _within_epoch(metrics: Metrics, measure: str) -> list[tuple[float, float]]:
    """(epoch, value) at the steps of the epoch that has not ended yet."""
    ended = len(metrics.epochs)
    steps = [row for row in metrics.steps if row["epoch"] == ended + 1]
    return [(ended + row.get("done", 1.0), row[measure]) for row in thin(steps, MAX_POINTS, measure)]


def _add_line(figure: go.Figure, points: Sequence[tuple[float, float]], name: str, colour: str, dash: str,
              width: float) -> None:
    figure.add_scatter(x=[x for x, _ in points], y=[y for _, y in points], name=name,
                       mode="lines+markers" if len(points) < 2 else "lines",
                       line={"color": colour, "dash": dash, "width": width})


def thin(rows: Sequence[Row], limit: int, measure: str) -> list[Row]:
    """At most about `limit` of the rows, in order: of each stretch its lowest and its highest value."""
    if len(rows) <= limit:
        return list(rows)
    stretch = -(-2 * len(rows) // limit)
    kept = []
    for start in range(0, len(rows), stretch):
        part = range(start, min(start + stretch, len(rows)))
        kept += sorted({min(part, key=lambda i: rows[i][measure]), max(part, key=lambda i: rows[i][measure])})
    return [rows[i] for i in kept]


def _dress(figure: go.Figure, measure: str, revision: str) -> go.Figure:
    figure.update_layout(
        title={"text": _TITLES[measure], "font": {"size": 16}}, height=360, hovermode="x unified",
        uirevision=revision, margin={"l": 10, "r": 10, "t": 40, "b": 10}, showlegend=False)
    figure.update_xaxes(title="Epoch", rangemode="tozero")
    figure.update_yaxes(tickformat=".0%" if measure == "accuracy" else None)
    return figure


def _plain(text: str) -> str:
    """Text that Plotly shows as it is: it would read tags and entities in it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
