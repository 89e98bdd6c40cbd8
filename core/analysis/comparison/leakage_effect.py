"""What leaks did to runs: their accuracy with and without the test images that have their like in training."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from core.analysis.comparison.replicates import saved_predictions
from core.analysis.comparison.run_table import Formats
from core.analysis.results.settings import run_labels
from core.analysis.text import percent
from core.data.datasets.leakage import leaked_images
from core.data.datasets.scan import DataError, Dataset
from core.data.datasets.split import Manifest
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_store import RunStore

_FORMATS: Final[Formats] = {
    **dict.fromkeys(("All test images", "Without the leaked", "The leaked alone"), percent),
    "Leaked": "{:,.0f}".format,
}


def leak_table(store: RunStore, runs: Sequence[AnyRun], dataset: Dataset) -> tuple[list[dict[str, Any]], Formats]:
    """A row a run of which test images leaked, and how to show each column. Raises `NoSuchRun`."""
    names = run_labels(runs)
    rows = [row for run in runs if (row := _row(store, run, names[run.id], dataset))]
    return rows, _FORMATS


def _row(store: RunStore, run: AnyRun, name: str, dataset: Dataset) -> dict[str, Any] | None:
    """None where nothing leaked, or nobody knows."""
    said = saved_predictions(store, run.id)
    try:
        paths = leaked_images(dataset, Manifest.from_csv(store.manifest(run.id)))
    except (OSError, DataError, UnicodeDecodeError):
        return None
    if not said or not paths:
        return None
    is_leaked = np.array([path in paths for path in said.paths])
    return {
        "Run": name,
        "All test images": _share(said.right),
        "Without the leaked": _share(said.right[~is_leaked]),
        "The leaked alone": _share(said.right[is_leaked]),
        "Leaked": int(is_leaked.sum()),
    }


def _share(right: np.ndarray) -> float | None:
    return float(right.mean()) if len(right) else None
