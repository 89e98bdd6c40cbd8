"""What each class is taken for."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts.common import plain_text
from core.analysis.results.evaluation_file import EvaluationFigures

_WITH_FIGURES = 14
"""Classes up to which the cells have room for their figures."""

_PALE, _DEEP = np.array([214, 229, 245]), np.array([13, 71, 138])
_SCALE = [
    [step / 20, "rgb({:.0f}, {:.0f}, {:.0f})".format(*(_PALE + (_DEEP - _PALE) * (step / 20) ** 0.5))]
    for step in range(21)
]  # the root tells small confusions apart
_CLEAR_SCALE = [[step / 20, f"rgba(47, 111, 183, {0.2 + 0.8 * (step / 20) ** 0.5:.2f})"] for step in range(21)]
"""Where no figure stands in the cells: small confusions fade into the page, be it light or dark."""

_TOLD = "%{y} taken for %{x}: %{customdata[0]:,} of %{customdata[1]:,} (%{z:.1%})<extra></extra>"
"""What the pointer reads: one template, for a text a cell of 200 classes takes long to make and to send."""

_FRAME_PIXELS, _NAME_LENGTH, _WHOLE = 150, 16, 255


def confusion_chart(result: EvaluationFigures, name: str, shares: bool) -> go.Figure:
    """A heat-map: a row a true class, a column what it was taken for, as images or as percent of the row.

    Colour always tells the share of the row; cells without an image are left out. Raises `ValueError` where the run
    has no confusion matrix.
    """
    if result.confusion is None:
        raise ValueError("Expected a run with a confusion matrix; received one without. Leave it out.")
    matrix, names = result.confusion, _names(result.classes)
    totals = matrix.sum(axis=1, keepdims=True)
    rates = matrix / np.maximum(totals, 1)
    figure = go.Figure(
        go.Heatmap(
            z=np.where(matrix > 0, rates, np.nan),
            x=names,
            y=names,
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=1,
            ygap=1,
            name=plain_text(name),
            customdata=np.dstack([matrix, np.broadcast_to(totals, matrix.shape)]),
            hovertemplate=_TOLD,
            hoverongaps=False,
            **(_figures(matrix, rates, shares) if len(names) <= _WITH_FIGURES else {"colorscale": _CLEAR_SCALE}),
        )
    )
    return _dress(figure, names, result.classes, plain_text(name, 44))


def _names(classes: Sequence[str]) -> list[str]:
    """Names for the pointer and the CSV file, in full; Plotly would take two that look alike for one class."""
    names = [plain_text(label, _WHOLE) for label in classes]
    return [name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names, start=1)]


def _figures(matrix: np.ndarray, rates: np.ndarray, shares: bool) -> dict[str, object]:
    """What stands in the cells."""
    figures = [
        ["" if not count else f"{100 * rate:.0f}" if shares else f"{count:,}" for rate, count in zip(*row, strict=True)]
        for row in zip(rates, matrix, strict=True)
    ]
    return {"text": figures, "texttemplate": "%{text}", "colorscale": _SCALE}


def _dress(figure: go.Figure, names: Sequence[str], classes: Sequence[str], title: str) -> go.Figure:
    few = len(classes) <= _WITH_FIGURES
    ticks = {
        "type": "category",
        "tickvals": names,
        "ticktext": [plain_text(label, _NAME_LENGTH) for label in classes],
        "automargin": True,
        "showgrid": False,
        "fixedrange": True,
    }
    figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        height=_FRAME_PIXELS + (34 if few else 16) * max(4, len(classes)),
    )
    figure.update_xaxes(title={"text": "Taken for"}, tickangle=-45 if few else -90, **ticks)
    figure.update_yaxes(title={"text": "True class"}, autorange="reversed", **ticks)
    return figure
