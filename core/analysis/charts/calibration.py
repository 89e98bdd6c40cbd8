"""Reliability diagram: accuracy over confidence. A perfectly calibrated model lies on the diagonal."""

from collections.abc import Mapping

import plotly.graph_objects as go

from core.analysis.charts.common import LEGEND_BELOW, plain_text
from core.analysis.charts.palette import GREY
from core.analysis.comparison.calibration import Reliability

_HEIGHT, _MIN_MARK, _MAX_MARK, _NAME_LENGTH = 380, 5, 18, 40


def calibration_chart(
    diagrams: Mapping[str, Reliability], names: Mapping[str, str], colours: Mapping[str, str]
) -> go.Figure:
    """Draw one line per setting: accuracy over confidence, each mark sized by its share of the images.

    Args:
        diagrams, names, colours: of each setting, by the same keys.
    """
    figure = go.Figure(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            name="Perfectly calibrated",
            hoverinfo="skip",
            line={"color": GREY, "dash": "dot", "width": 1.5},
        )
    )
    for key, diagram in diagrams.items():
        name = plain_text(names[key], _NAME_LENGTH)
        figure.add_scatter(
            x=[group.confidence for group in diagram.bins],
            y=[group.accuracy for group in diagram.bins],
            name=name,
            mode="lines+markers",
            line={"color": colours.get(key, GREY), "width": 2},
            marker={"size": [_mark_size(group.images / diagram.images) for group in diagram.bins]},
            customdata=[group.images for group in diagram.bins],
            hovertemplate=f"{name}: %{{x:.0%}} confident, %{{y:.0%}} right, %{{customdata:,}} images<extra></extra>",
        )
    figure.update_layout(height=_HEIGHT, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend=LEGEND_BELOW)
    figure.update_xaxes(title={"text": "Confidence"}, range=[0, 1.02], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title={"text": "Accuracy"}, range=[0, 1.02], tickformat=".0%", fixedrange=True)
    return figure


def _mark_size(share: float) -> float:
    """Diameter in pixels, which grows with the square root of the share (0 to 1) of the images."""
    return float(_MIN_MARK + (_MAX_MARK - _MIN_MARK) * share**0.5)
