"""Class by class, how much more often one model is right than another on the same test images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from core.analysis.charts.common import plain_text
from core.analysis.charts.contrasts import interval_mark
from core.analysis.charts.palette import GREY
from core.analysis.comparison.replicates import answered
from core.analysis.statistics.significance import Interval, Pairing, paired_interval
from core.analysis.text import count, points
from core.experiment.run import Run
from core.experiment.run_store import RunStore

_FRAME_PIXELS, _ROW_PIXELS, _NAME_LENGTH = 60, 34, 34


@dataclass(frozen=True)
class ClassContrast:
    """The share of a class's test images that the first run names right minus that of the second, with its 95%
    interval (Newcombe 1998 for paired shares).
    """

    label: str
    difference: float
    interval: Interval
    images: int


def tested_alike(store: RunStore, runs: Sequence[Run], baseline: str) -> list[str]:
    """The ids of the other runs whose answers to the test images of the baseline are known. Raises `NoSuchRun`."""
    said = answered(store, baseline)
    return [
        run.id
        for run in runs
        if run.id != baseline and said is not None and (other := answered(store, run.id)) and other.paths == said.paths
    ]


def class_contrasts(store: RunStore, first: str, second: str) -> list[ClassContrast]:
    """Of two runs by id, the largest gain first; [] where they were not tested on the same images, or nobody knows.

    Raises `NoSuchRun`.
    """
    one, other = answered(store, first), answered(store, second)
    if one is None or other is None or one.paths != other.paths:
        return []
    labels = np.array(one.labels)
    found = (_contrast(label, one.right[labels == label], other.right[labels == label]) for label in set(one.labels))
    return sorted(found, key=lambda contrast: (-contrast.difference, contrast.label))


def _contrast(label: str, first: np.ndarray, second: np.ndarray) -> ClassContrast:
    pairing = Pairing.of(first, second)
    return ClassContrast(str(label), pairing.difference, paired_interval(pairing), pairing.images)


def class_contrast_chart(contrasts: Sequence[ClassContrast]) -> go.Figure:
    """A row a class, its difference in points; a filled mark where the interval leaves out zero."""
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
    told = f"{name}: {points(contrast.difference)}, {low:.1f} to {high:.1f}, {count(contrast.images, 'image')}"
    return interval_mark(
        contrast.label,
        100 * contrast.difference,
        (low, high),
        name,
        "circle" if low > 0 or high < 0 else "circle-open",
        told,
    )
