"""What all charts share: text that is no markup, lines of a bearable length, their points as rows."""

from collections.abc import Sequence
from html import escape, unescape
from typing import Final

import numpy as np
import plotly.graph_objects as go

from core.analysis.text import shorten
from core.experiment.runs.run import Row

MAX_POINTS = 1_000
"""Points that a browser gets of one line."""

LEGEND_BELOW: Final = {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"}
"""A legend at the foot of the chart, however many lines it takes."""


def plain_text(text: str, length: int = 60) -> str:
    """A short form of a name in which Plotly finds no tags, entities or %{placeholders}: `html.unescape` turns it back.

    Browsers would turn the text after some marks round: they are replaced.
    """
    visible = "".join(character if character.isprintable() else "�" for character in text)
    return escape(shorten(visible, length), quote=False).replace("%{", "%&#123;")


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
    """Every point that a figure draws, a row each: the name of its line or bars, x and y; of cells images
    and share too. Names are as people wrote them, not as Plotly needs them.
    """
    return [point for trace in figure.data for point in (_cells if trace.type == "heatmap" else _points)(trace)]


def _points(trace: go.Scatter | go.Bar) -> list[dict[str, object]]:
    if trace.x is None or trace.y is None:
        return []
    xs, ys = (np.asarray(values).tolist() for values in (trace.x, trace.y))
    return [{"name": _name(trace), "x": x, "y": y} for x, y in zip(xs, ys, strict=False)]


def _cells(trace: go.Heatmap) -> list[dict[str, object]]:
    """Cells hold a share of their row, and of how many images it is."""
    shares, images = np.nan_to_num(np.asarray(trace.z, dtype=float)).tolist(), np.asarray(trace.customdata).tolist()
    xs, ys = ([unescape(name) for name in names] for names in (trace.x, trace.y))
    return [
        {"name": _name(trace), "x": x, "y": y, "images": images[i][j][0], "share": shares[i][j]}
        for i, y in enumerate(ys)
        for j, x in enumerate(xs)
    ]


def _name(trace: go.Scatter | go.Bar | go.Heatmap) -> str:
    """What `meta` tells where it does: `name` is what the legend has room for."""
    return unescape(trace.meta or trace.name or "")
