"""Class by class, how much more often one model is right than another on the same test images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.analysis.comparison.replicates import saved_predictions
from core.analysis.statistics.significance import Interval, Pairing, paired_interval
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_store import RunStore


@dataclass(frozen=True)
class ClassContrast:
    """The share of a class's test images that the first run names right minus that of the second, with its 95%
    interval (Newcombe 1998 for paired shares).
    """

    label: str
    difference: float
    interval: Interval
    images: int


def tested_on_same_images(store: RunStore, runs: Sequence[AnyRun], baseline: str) -> list[str]:
    """The ids of the other runs whose answers to the test images of the baseline are known. Raises `NoSuchRun`."""
    said = saved_predictions(store, baseline)
    return [
        run.id
        for run in runs
        if run.id != baseline
        and said is not None
        and (other := saved_predictions(store, run.id))
        and other.paths == said.paths
    ]


def class_contrasts(store: RunStore, first: str, second: str) -> list[ClassContrast]:
    """Of two runs by id, the largest gain first; [] where they were not tested on the same images, or nobody knows.

    Raises `NoSuchRun`.
    """
    one, other = saved_predictions(store, first), saved_predictions(store, second)
    if one is None or other is None or one.paths != other.paths:
        return []
    labels = np.array(one.labels)
    found = (_contrast(label, one.right[labels == label], other.right[labels == label]) for label in set(one.labels))
    return sorted(found, key=lambda contrast: (-contrast.difference, contrast.label))


def _contrast(label: str, first: np.ndarray, second: np.ndarray) -> ClassContrast:
    pairing = Pairing.of(first, second)
    return ClassContrast(str(label), pairing.difference, paired_interval(pairing), pairing.images)
