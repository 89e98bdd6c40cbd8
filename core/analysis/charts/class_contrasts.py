"""Chart of the differences in accuracy between two settings, per class."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.analysis.charts.common import plain_text
from core.analysis.charts.contrasts import interval_mark
from core.analysis.charts.palette import GREY
from core.analysis.comparison.class_contrasts import ClassContrast
from core.analysis.text import count, points

_FRAME_PIXELS, _ROW_PIXELS, _NAME_LENGTH = 60, 34, 34


def class_contrast_chart(contrasts: Sequence[ClassContrast]) -> go.Figure:
    """Draw one row per class: its difference in points with the 95% interval. Filled marks: the interval excludes 0."""
    figure = go.Figure([_mark(contrast) for contrast in contrasts])
    figure.add_vline(0, line={"color": GREY, "width": 1})
    figure.update_layout(
        showlegend=False,
        height=_FRAME_PIXELS + _ROW_PIXELS * len(contrasts),
        margin={"l": 10, "r": 20, "t": 10, "b": 40},
    )
    figure.update_xaxes(title={"text": "Difference in points"}, fixedrange=True, zeroline=False)
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        fixedrange=True,
        automargin=True,
        showgrid=False,
        tickvals=[contrast.label for contrast in contrasts],
        ticktext=[plain_text(contrast.label, _NAME_LENGTH) for contrast in contrasts],
    )
    return figure


def _mark(contrast: ClassContrast) -> go.Scatter:
    low, high = (100 * end for end in contrast.interval)
    name = plain_text(contrast.label)
    hover_text = f"{name}: {points(contrast.difference)}, {low:.1f} to {high:.1f}, {count(contrast.images, 'image')}"
    return interval_mark(
        contrast.label,
        100 * contrast.difference,
        (low, high),
        name,
        "circle" if low > 0 or high < 0 else "circle-open",
        hover_text,
    )
