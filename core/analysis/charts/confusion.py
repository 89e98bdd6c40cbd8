"""Confusion matrix of a run, or of a setting with the sums over its runs."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts.common import plain_text
from core.analysis.results.evaluation_file import EvaluationFigures

_MAX_WITH_NUMBERS = 14
"""Largest number of classes whose cells have room for numbers."""

_PALE, _DEEP = np.array([214, 229, 245]), np.array([13, 71, 138])
_SCALE = [
    [step / 20, "rgb({:.0f}, {:.0f}, {:.0f})".format(*(_PALE + (_DEEP - _PALE) * (step / 20) ** 0.5))]
    for step in range(21)
]  # the square root makes small confusions distinguishable
_CLEAR_SCALE = [[step / 20, f"rgba(47, 111, 183, {0.2 + 0.8 * (step / 20) ** 0.5:.2f})"] for step in range(21)]
"""Colours of cells without numbers: small confusions are nearly transparent, on light and dark pages."""

_HOVER = "%{y} predicted as %{x}: %{customdata[0]:,} of %{customdata[1]:,} (%{z:.1%})<extra></extra>"
"""One template for all cells: with 200 classes, one text per cell takes long to build and to send."""

_FRAME_PIXELS, _NAME_LENGTH, _FULL_NAME_LENGTH = 150, 16, 255


def confusion_chart(result: EvaluationFigures, name: str, shares: bool) -> go.Figure:
    """Draw the confusion matrix as a heat map: true classes in rows, predicted classes in columns.

    The colour of a cell is its share of the row; cells without images stay empty.

    Args:
        name: title of the chart.
        shares: write percentages of the row into the cells instead of numbers of images.

    Raises `ValueError` if the run has no confusion matrix.
    """
    if result.confusion is None:
        raise ValueError("Expected a run with a confusion matrix; received one without. Leave it out.")
    matrix, names = result.confusion, _unique_names(result.classes)
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
            hovertemplate=_HOVER,
            hoverongaps=False,
            **(_numbers(matrix, rates, shares) if len(names) <= _MAX_WITH_NUMBERS else {"colorscale": _CLEAR_SCALE}),
        )
    )
    return _set_layout(figure, names, result.classes, plain_text(name, 44))


def _unique_names(classes: Sequence[str]) -> list[str]:
    """Full names of the classes, numbered if two are equal after escaping: Plotly would merge those into one."""
    names = [plain_text(label, _FULL_NAME_LENGTH) for label in classes]
    return [name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names, start=1)]


def _numbers(matrix: np.ndarray, rates: np.ndarray, shares: bool) -> dict[str, object]:
    """Options of the heat map that write a number into each cell with images."""
    texts = [
        ["" if not count else f"{100 * rate:.0f}" if shares else f"{count:,}" for rate, count in zip(*row, strict=True)]
        for row in zip(rates, matrix, strict=True)
    ]
    return {"text": texts, "texttemplate": "%{text}", "colorscale": _SCALE}


def _set_layout(figure: go.Figure, names: Sequence[str], classes: Sequence[str], title: str) -> go.Figure:
    few = len(classes) <= _MAX_WITH_NUMBERS
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
    figure.update_xaxes(title={"text": "Predicted"}, tickangle=-45 if few else -90, **ticks)
    figure.update_yaxes(title={"text": "True class"}, autorange="reversed", **ticks)
    return figure
