"""What all charts share: text that is no markup, lines of a bearable length, their points as rows."""

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from core.analysis.words import shortened
from core.experiment.run import Row

MAX_POINTS = 1_000
"""Points that a browser gets of one line."""


def plain_text(text: str, length: int = 60) -> str:
    """A short form of a name; Plotly would read tags and entities in it, and browsers marks that turn text."""
    visible = "".join(character if character.isprintable() else "�" for character in text)
    return escape(shortened(visible, length), quote=False)


def thin(rows: Sequence[Row], limit: int, measure: str) -> list[Row]:
    """At most `limit` of the rows (2 or more), in order: of each stretch its lowest and its highest value."""
    if len(rows) <= limit:
        return list(rows)
    stretch = -(-len(rows) // (limit // 2))
    kept = []
    for start in range(0, len(rows), stretch):
        part = range(start, min(start + stretch, len(rows)))
        kept += sorted({min(part, key=lambda i: rows[i][measure]), max(part, key=lambda i: rows[i][measure])})
    return [rows[i] for i in kept]


def chart_points(figure: go.Figure) -> list[dict[str, object]]:
    """Every point that a figure draws, a row each: the name of its line or bars, x and y, and z where it has cells."""
    return [point for trace in figure.data for point in (_cells if trace.type == "heatmap" else _points)(trace)]


def _points(trace: go.Scatter | go.Bar) -> list[dict[str, object]]:
    """The name is what `meta` tells where it does: `name` is what the legend has room for."""
    if trace.x is None or trace.y is None:
        return []
    xs, ys = (np.asarray(values).tolist() for values in (trace.x, trace.y))
    return [{"name": trace.meta or trace.name, "x": x, "y": y} for x, y in zip(xs, ys, strict=False)]


def _cells(trace: go.Heatmap) -> list[dict[str, object]]:
    return [{"name": trace.name, "x": x, "y": y, "z": z}
            for y, row in zip(trace.y, np.asarray(trace.customdata).tolist(), strict=False)
            for x, z in zip(trace.x, row, strict=False)]
