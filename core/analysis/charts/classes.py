"""Figures about a data set."""

from collections import Counter

import plotly.graph_objects as go

from core.analysis.charts.common import plain_text
from core.data.datasets.scan import SPLITS
from core.data.datasets.split import Manifest

SPLIT_COLOURS = {"train": "#6E56B8", "validation": "#9C8BD6", "test": "#D3CBF2"}
"""One hue in three steps, none of them a strategy's colour; read on white and on black."""

_NAMES = {"train": "Training", "validation": "Validation", "test": "Test"}
_NAME_LENGTH = 22
_FRAME_PIXELS, _BAR_PIXELS, _SLIM_BAR_PIXELS, _MANY = 70, 26, 20, 15


def class_bars(manifest: Manifest) -> go.Figure:
    """Images a class, the largest class on top: a bar each, in parts for training, validation and test."""
    counts = Counter((item.label, item.split) for item in manifest.items)
    totals = Counter(item.label for item in manifest.items)
    classes = sorted(totals, key=lambda name: (-totals[name], name))
    figure = go.Figure()
    for split in SPLITS:
        figure.add_bar(
            y=classes,
            x=[counts[name, split] for name in classes],
            name=_NAMES[split],
            orientation="h",
            marker={"color": SPLIT_COLOURS[split], "line": {"color": SPLIT_COLOURS["train"], "width": 1}},
            customdata=[plain_text(name, 60) for name in classes],
            hovertemplate=f"%{{customdata}}: %{{x:,}} {split}<extra></extra>",
        )
    return _dress(figure, classes)


def _dress(figure: go.Figure, classes: list[str]) -> go.Figure:
    pixels = _SLIM_BAR_PIXELS if len(classes) > _MANY else _BAR_PIXELS
    figure.update_layout(
        barmode="stack",
        bargap=0.3,
        height=_FRAME_PIXELS + pixels * len(classes),
        margin={"l": 10, "r": 10, "t": 30, "b": 30},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
    )
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        tickvals=classes,
        fixedrange=True,
        automargin=True,
        ticktext=[plain_text(name, _NAME_LENGTH) for name in classes],
    )
    figure.update_xaxes(tickformat=",d", fixedrange=True)
    return figure
