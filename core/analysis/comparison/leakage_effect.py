"""Effect of leaks: test accuracy with and without the test images that have a near-duplicate in training."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from core.analysis.comparison.replicates import saved_predictions
from core.analysis.comparison.run_table import Formats
from core.analysis.results.settings import run_labels
from core.analysis.text import percent
from core.data.datasets.dataset import DataError, Dataset
from core.data.datasets.leakage import leaked_images
from core.data.datasets.split import Manifest
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_store import RunStore

_FORMATS: Final[Formats] = {
    **dict.fromkeys(("All test images", "Without leaked", "Leaked only"), percent),
    "Leaked": "{:,.0f}".format,
}


def leak_table(store: RunStore, runs: Sequence[AnyRun], dataset: Dataset) -> tuple[list[dict[str, Any]], Formats]:
    """One row per run with leaked test images, and the format of each column. Raises `NoSuchRun`."""
    names = run_labels(runs)
    rows = [row for run in runs if (row := _row(store, run, names[run.id], dataset))]
    return rows, _FORMATS


def _row(store: RunStore, run: AnyRun, name: str, dataset: Dataset) -> dict[str, Any] | None:
    """None if no test image leaked, or if the manifest or the predictions cannot be read."""
    saved = saved_predictions(store, run.id)
    try:
        paths = leaked_images(dataset, Manifest.from_csv(store.manifest(run.id)))
    except (OSError, DataError, UnicodeDecodeError):
        return None
    if not saved or not paths:
        return None
    is_leaked = np.array([path in paths for path in saved.paths])
    return {
        "Run": name,
        "All test images": _accuracy(saved.correct),
        "Without leaked": _accuracy(saved.correct[~is_leaked]),
        "Leaked only": _accuracy(saved.correct[is_leaked]),
        "Leaked": int(is_leaked.sum()),
    }


def _accuracy(correct: np.ndarray) -> float | None:
    return float(correct.mean()) if len(correct) else None
