"""Reliability diagrams: how often models are right over how sure they are; the diagonal is honest."""

from collections.abc import Mapping

import plotly.graph_objects as go

from core.analysis.charts.common import LEGEND_BELOW, plain_text
from core.analysis.charts.palette import GREY
from core.analysis.comparison.calibration import Reliability

_HEIGHT, _SMALLEST, _LARGEST, _NAME_LENGTH = 380, 5, 18, 40


def calibration_chart(found: Mapping[str, Reliability], names: Mapping[str, str], hues: Mapping[str, str]) -> go.Figure:
    """A line a setting: accuracy over sureness, each mark as large as its share of the images.

    Args:
        names, hues: of each setting, by the same keys.
    """
    figure = go.Figure(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            name="As sure as right",
            hoverinfo="skip",
            line={"color": GREY, "dash": "dot", "width": 1.5},
        )
    )
    for key, one in found.items():
        name = plain_text(names[key], _NAME_LENGTH)
        figure.add_scatter(
            x=[place.confidence for place in one.bins],
            y=[place.accuracy for place in one.bins],
            name=name,
            mode="lines+markers",
            line={"color": hues.get(key, GREY), "width": 2},
            marker={"size": [_size(place.images / one.images) for place in one.bins]},
            customdata=[place.images for place in one.bins],
            hovertemplate=f"{name}: %{{x:.0%}} sure, right in %{{y:.0%}} of %{{customdata:,}} images<extra></extra>",
        )
    figure.update_layout(height=_HEIGHT, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend=LEGEND_BELOW)
    figure.update_xaxes(title={"text": "How sure"}, range=[0, 1.02], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title={"text": "How often right"}, range=[0, 1.02], tickformat=".0%", fixedrange=True)
    return figure


def _size(share: float) -> float:
    return _SMALLEST + (_LARGEST - _SMALLEST) * share**0.5
