"""Differences between two models class by class, on the same test images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.analysis.comparison.replicates import saved_predictions
from core.analysis.statistics.multiple_comparisons import ERROR_RATE
from core.analysis.statistics.paired_models import Pairing, paired_interval
from core.analysis.statistics.wilson_interval import Interval
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_store import RunStore


@dataclass(frozen=True)
class ClassContrast:
    """Difference between two runs in the share of a class's test images classified correctly (first minus second), with
    its 95% interval (Newcombe 1998 for paired proportions), adjusted for the number of classes (Bonferroni).
    """

    label: str
    difference: float
    interval: Interval
    images: int


def tested_on_same_images(store: RunStore, runs: Sequence[AnyRun], baseline: str) -> list[str]:
    """Return the ids of the other runs with saved predictions for the baseline's test images. Raises `NoSuchRun`."""
    expected = saved_predictions(store, baseline)
    return [
        run.id
        for run in runs
        if run.id != baseline
        and expected is not None
        and (saved := saved_predictions(store, run.id))
        and saved.paths == expected.paths
    ]


def class_contrasts(store: RunStore, first: str, second: str) -> list[ClassContrast]:
    """Compare two runs, given by id, class by class, the largest gain of the first run first.

    Returns [] if the runs were tested on different images or have no saved predictions. Raises `NoSuchRun`.
    """
    of_first, of_second = saved_predictions(store, first), saved_predictions(store, second)
    if of_first is None or of_second is None or of_first.paths != of_second.paths:
        return []
    labels = np.array(of_first.labels)
    confidence = 1 - ERROR_RATE / len(set(of_first.labels))
    found = (
        _contrast(label, of_first.correct[labels == label], of_second.correct[labels == label], confidence)
        for label in set(of_first.labels)
    )
    return sorted(found, key=lambda contrast: (-contrast.difference, contrast.label))


def _contrast(label: str, first: np.ndarray, second: np.ndarray, confidence: float) -> ClassContrast:
    """Compare two models on the images of one class, from booleans that mark the correct predictions."""
    pairing = Pairing.from_correct(first, second)
    return ClassContrast(str(label), pairing.difference, paired_interval(pairing, confidence), pairing.images)
