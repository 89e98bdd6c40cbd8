"""Lines where phases begin, each drawn once and labelled where there is room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from core.analysis.charts.learning_curves.x_axis import XAxis, boundaries
from core.analysis.charts.palette import GREY
from core.experiment.runs.metrics import Metrics

_CHARACTER = 0.02
"""Share of the axis that a letter takes on a phone."""

_SAME = 6  # digits after the point in which two boundaries are one


@dataclass
class _Boundary:
    label: str = ""
    colours: set[str] = field(default_factory=set)


def mark_boundaries(figure: go.Figure, runs: Iterable[tuple[Metrics, XAxis, str]], scale: float) -> None:
    """A dotted line at each x where a phase of a run begins: in the run's colour, grey where several share it.

    `runs` holds each run's rows, places and colour. Labels stand above the plot, where no curve crosses them.
    """
    found: dict[float, _Boundary] = {}
    for metrics, places, colour in runs:
        for x, label in boundaries(metrics, places).items():
            boundary = found.setdefault(round(x / scale, _SAME), _Boundary())
            boundary.label = max(boundary.label, label, key=len)
            boundary.colours.add(colour)
    drawn = [x for trace in figure.data for x in trace.x]
    if found:
        _draw(figure, dict(sorted(found.items())), min(0, *drawn), max(drawn))


def _draw(figure: go.Figure, found: dict[float, _Boundary], low: float, high: float) -> None:
    labels = label_places([(x, boundary.label) for x, boundary in found.items()], low, high)
    figure.update_layout(
        shapes=[
            {
                "type": "line",
                "x0": x,
                "x1": x,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "layer": "below",
                "line": {
                    "color": boundary.colours.pop() if len(boundary.colours) == 1 else GREY,
                    "dash": "dot",
                    "width": 1.5,
                },
            }
            for x, boundary in found.items()
        ],
        annotations=[
            {
                "x": x,
                "text": text,
                "xanchor": anchor,
                "yref": "paper",
                "y": 1,
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 12},
            }
            for x, text, anchor in labels
        ],
    )


def label_places(lines: Sequence[tuple[float, str]], low: float, high: float) -> list[tuple[float, str, str]]:
    """(x, label, side of the label that touches its line) of the lines whose label has room, from left to right."""
    placed, free = [], low
    for x, text in lines:
        width = _CHARACTER * len(text) * (high - low)
        start = x if x + width <= high else x - width
        if start >= free:
            placed.append((x, text, "left" if start == x else "right"))
            free = start + width
    return placed
