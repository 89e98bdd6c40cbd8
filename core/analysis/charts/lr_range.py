"""Chart of a learning-rate range test: loss over learning rate, with the suggested rate marked."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts.common import LEGEND_BELOW
from core.analysis.charts.palette import GREY
from core.analysis.statistics.lr_suggestion import Point, RateSuggestion

_HEIGHT, _HEADROOM = 240, 1.1


def rate_chart(points: Sequence[Point], suggestion: RateSuggestion, colour: str = GREY) -> go.Figure:
    """Draw the smoothed loss over a logarithmic rate axis. Star: suggested rate; ring: rate of the steepest descent."""
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
    marks = {"Suggested": (suggestion.valley, "star", 15, 0), "Steepest": (suggestion.steepest, "circle-open", 11, 2)}
    for name, (rate, symbol, size, width) in marks.items():
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
    return _set_layout(figure, losses)


def _set_layout(figure: go.Figure, losses: np.ndarray) -> go.Figure:
    """Fit the loss axis to the first half of the curve: a diverging loss at its end would flatten the rest."""
    low, high = losses.min(), _HEADROOM * losses[: max(1, len(losses) // 2)].max()
    padding = (high - low) * 0.08 or 0.05
    figure.update_layout(height=_HEIGHT, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend=LEGEND_BELOW)
    figure.update_xaxes(type="log", title={"text": "Learning rate"}, dtick=1, exponentformat="power")
    figure.update_yaxes(title={"text": "Loss"}, range=[low - padding, high + padding], nticks=5)
    return figure
