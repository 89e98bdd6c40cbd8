"""What each class is taken for."""

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts import plain_text
from core.analysis.measured import Measured

_WITH_FIGURES = 14
"""Classes up to which the cells have room for their figures."""

_PALE, _DEEP = np.array([214, 229, 245]), np.array([13, 71, 138])
_SCALE = [[step / 20, "rgb({:.0f}, {:.0f}, {:.0f})".format(*(_PALE + (_DEEP - _PALE) * (step / 20) ** 0.5))]
          for step in range(21)]  # the root tells small confusions apart
_CLEAR_SCALE = [[step / 20, f"rgba(47, 111, 183, {0.2 + 0.8 * (step / 20) ** 0.5:.2f})"] for step in range(21)]
"""Where no figure stands in the cells: small confusions fade into the page, be it light or dark."""

_FRAME_PIXELS, _NAME_LENGTH = 150, 16


def confusion_chart(result: Measured, name: str, shares: bool) -> go.Figure:
    """A heat-map: a row a true class, a column what it was taken for, as images or as percent of the row.

    Colour always tells the share of the row; cells without an image are left out. Raises `ValueError` where the run
    has no confusion matrix.
    """
    if result.confusion is None:
        raise ValueError("Expected a run with a confusion matrix; received one without. Leave it out.")
    matrix, classes = result.confusion, list(result.classes)
    rates = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figures = [["" if not count else f"{100 * rate:.0f}" if shares else f"{count:,}"
                for rate, count in zip(*row, strict=True)] for row in zip(rates, matrix, strict=True)]
    told = {"text": figures, "texttemplate": "%{text}", "colorscale": _SCALE}
    figure = go.Figure(go.Heatmap(
        z=np.where(matrix > 0, rates, np.nan), x=classes, y=classes, zmin=0, zmax=1, showscale=False, xgap=1, ygap=1,
        name=plain_text(name), customdata=rates if shares else matrix, hovertext=_told(classes, matrix, rates),
        hoverinfo="text", hoverongaps=False,
        **(told if len(classes) <= _WITH_FIGURES else {"colorscale": _CLEAR_SCALE})))
    return _dress(figure, classes, plain_text(name, 44))


def _told(classes: list[str], matrix: np.ndarray, rates: np.ndarray) -> list[list[str]]:
    names, totals = [plain_text(label, 40) for label in classes], matrix.sum(axis=1)
    return [[f"{true} {'recognised' if i == j else 'taken for ' + said}: {matrix[i, j]:,} of {totals[i]:,} "
             f"({rates[i, j]:.1%})" for j, said in enumerate(names)] for i, true in enumerate(names)]


def _dress(figure: go.Figure, classes: list[str], title: str) -> go.Figure:
    few = len(classes) <= _WITH_FIGURES
    ticks = {"type": "category", "tickvals": classes, "ticktext": [plain_text(c, _NAME_LENGTH) for c in classes],
             "automargin": True, "showgrid": False, "fixedrange": True}
    figure.update_layout(title={"text": title, "font": {"size": 15}}, margin={"l": 10, "r": 10, "t": 40, "b": 10},
                         height=_FRAME_PIXELS + (34 if few else 16) * max(4, len(classes)))
    figure.update_xaxes(title={"text": "Taken for"}, tickangle=-45 if few else -90, **ticks)
    figure.update_yaxes(title={"text": "True class"}, autorange="reversed", **ticks)
    return figure
