"""Draw lines at the boundaries between phases, each once, labelled if there is room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from core.analysis.charts.learning_curves.x_axis import XAxis, phase_boundaries
from core.analysis.charts.palette import GREY
from core.experiment.runs.metrics import Metrics

_CHARACTER_WIDTH = 0.02
"""Width of a character as a share of the x axis, on the screen of a phone."""

_DECIMALS = 6  # boundaries that are equal after rounding are drawn as one


@dataclass
class _Boundary:
    label: str = ""
    colours: set[str] = field(default_factory=set)


def mark_boundaries(figure: go.Figure, runs: Iterable[tuple[Metrics, XAxis, str]], scale: float) -> None:
    """Draw a dotted line at each x at which a phase begins, in the run's colour or, if several runs share it, grey.

    The labels are above the plot, where they do not cover the curves.

    Args:
        runs: metrics, x axis and colour of each run.
        scale: the number by which x is divided.
    """
    found: dict[float, _Boundary] = {}
    for metrics, x_axis, colour in runs:
        for x, label in phase_boundaries(metrics, x_axis).items():
            boundary = found.setdefault(round(x / scale, _DECIMALS), _Boundary())
            boundary.label = max(boundary.label, label, key=len)
            boundary.colours.add(colour)
    drawn = [x for trace in figure.data for x in trace.x]
    if found:
        _draw(figure, dict(sorted(found.items())), min(0, *drawn), max(drawn))


def _draw(figure: go.Figure, found: dict[float, _Boundary], low: float, high: float) -> None:
    labels = place_labels([(x, boundary.label) for x, boundary in found.items()], low, high)
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


def place_labels(lines: Sequence[tuple[float, str]], low: float, high: float) -> list[tuple[float, str, str]]:
    """Choose the labels that fit on the axis from `low` to `high` without overlap, from left to right.

    Args:
        lines: (x, label) of each line, sorted by x.

    Returns (x, label, side of the label that touches its line).
    """
    placed, free = [], low
    for x, text in lines:
        width = _CHARACTER_WIDTH * len(text) * (high - low)
        start = x if x + width <= high else x - width
        if start >= free:
            placed.append((x, text, "left" if start == x else "right"))
            free = start + width
    return placed
