"""The curve of a range test: loss over learning rate, with a mark where the suggestion comes from."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts.common import LEGEND_BELOW
from core.analysis.charts.palette import GREY
from core.analysis.statistics.lr_suggestion import Point, RateSuggestion

_HEIGHT, _ROOM = 240, 1.1


def rate_chart(points: Sequence[Point], suggestion: RateSuggestion, colour: str = GREY) -> go.Figure:
    """The smoothed loss of each rate on a logarithmic axis; a star marks the suggestion, a ring the steepest point."""
    rates, losses = (np.array(values, dtype=float) for values in zip(*points, strict=True))
    figure = go.Figure(
        go.Scatter(
            x=rates,
            y=losses,
            mode="lines",
            name="Loss",
            showlegend=False,
            line={"color": colour, "width": 2},
            hovertemplate="%{x:.1e}: %{y:.3f}<extra></extra>",
        )
    )
    found = {"Suggested": (suggestion.valley, "star", 15, 0), "Steepest": (suggestion.steepest, "circle-open", 11, 2)}
    for name, (rate, symbol, size, width) in found.items():
        if rate is not None:
            loss = losses[np.argmin(np.abs(np.log(rates / rate)))]
            figure.add_scatter(
                x=[rate],
                y=[loss],
                mode="markers",
                name=name,
                cliponaxis=False,
                hoverinfo="skip",
                marker={"symbol": symbol, "size": size, "color": colour, "line": {"width": width}},
            )
    return _dress(figure, losses)


def _dress(figure: go.Figure, losses: np.ndarray) -> go.Figure:
    """The end, where the loss runs away, would press the rest flat: it leaves the picture at the top."""
    low, high = losses.min(), _ROOM * losses[: max(1, len(losses) // 2)].max()
    room = (high - low) * 0.08 or 0.05
    figure.update_layout(height=_HEIGHT, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend=LEGEND_BELOW)
    figure.update_xaxes(type="log", title={"text": "Learning rate"}, dtick=1, exponentformat="power")
    figure.update_yaxes(title={"text": "Loss"}, range=[low - room, high + room], nticks=5)
    return figure
