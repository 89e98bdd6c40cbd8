"""Functions that all charts share: escaping names, downsampling lines, and listing plotted points as rows."""

from collections.abc import Sequence
from html import escape, unescape
from typing import Final

import numpy as np
import plotly.graph_objects as go

from core.analysis.text import shorten
from core.experiment.runs.run import Row

MAX_POINTS = 1_000
"""Maximum number of points per line that are sent to the browser."""

LEGEND_BELOW: Final = {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"}
"""Position of a legend at the bottom of a chart, for any number of lines."""


def plain_text(text: str, length: int = 60) -> str:
    """Shorten a name and escape it, so that Plotly finds no tags, entities or %{placeholders} in it.

    `html.unescape` reverses the escaping. Characters that are not printable, such as marks that reverse the direction
    of text, are replaced.
    """
    visible = "".join(character if character.isprintable() else "�" for character in text)
    return escape(shorten(visible, length), quote=False).replace("%{", "%&#123;")


def downsample(rows: Sequence[Row], limit: int, measure: str) -> list[Row]:
    """At most `limit` (2 or more) of the rows, in order: the lowest and the highest value of each section."""
    if len(rows) <= limit:
        return list(rows)
    section = -(-len(rows) // (limit // 2))
    selected = []
    for start in range(0, len(rows), section):
        part = range(start, min(start + section, len(rows)))
        selected += sorted({min(part, key=lambda i: rows[i][measure]), max(part, key=lambda i: rows[i][measure])})
    return [rows[i] for i in selected]


def chart_points(figure: go.Figure) -> list[dict[str, object]]:
    """All plotted points, one row each: the name of the line or bar, x and y; cells also have images and share.

    Names are unescaped.
    """
    return [point for trace in figure.data for point in (_cells if trace.type == "heatmap" else _points)(trace)]


def _points(trace: go.Scatter | go.Bar) -> list[dict[str, object]]:
    if trace.x is None or trace.y is None:
        return []
    xs, ys = (np.asarray(values).tolist() for values in (trace.x, trace.y))
    return [{"name": _name(trace), "x": x, "y": y} for x, y in zip(xs, ys, strict=False)]


def _cells(trace: go.Heatmap) -> list[dict[str, object]]:
    """The cells of a confusion matrix: number of images, and their share of the row."""
    shares, images = np.nan_to_num(np.asarray(trace.z, dtype=float)).tolist(), np.asarray(trace.customdata).tolist()
    xs, ys = ([unescape(name) for name in names] for names in (trace.x, trace.y))
    return [
        {"name": _name(trace), "x": x, "y": y, "images": images[i][j][0], "share": shares[i][j]}
        for i, y in enumerate(ys)
        for j, x in enumerate(xs)
    ]


def _name(trace: go.Scatter | go.Bar | go.Heatmap) -> str:
    """The full name in `meta` if there is one, else the name in the legend."""
    return unescape(trace.meta or trace.name or "")
