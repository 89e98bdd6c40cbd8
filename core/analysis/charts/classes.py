"""Bar chart of the images per class of a data set."""

from collections import Counter

import plotly.graph_objects as go

from core.analysis.charts.common import plain_text
from core.data.datasets.dataset import SPLITS
from core.data.datasets.split import Manifest

SPLIT_COLOURS = {"train": "#6E56B8", "validation": "#9C8BD6", "test": "#D3CBF2"}
"""Three shades of one hue that no strategy uses; readable on white and on black."""

_NAMES = {"train": "Training", "validation": "Validation", "test": "Test"}
_NAME_LENGTH = 22
_FRAME_PIXELS, _BAR_PIXELS, _NARROW_BAR_PIXELS, _MAX_WIDE_BARS = 70, 26, 20, 15


def class_bars(manifest: Manifest) -> go.Figure:
    """Draw one bar per class, the largest class first, stacked by training, validation and test images."""
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
    return _set_layout(figure, classes)


def _set_layout(figure: go.Figure, classes: list[str]) -> go.Figure:
    pixels = _NARROW_BAR_PIXELS if len(classes) > _MAX_WIDE_BARS else _BAR_PIXELS
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
