"""Accuracy of an ensemble on the images that none of its members was trained or validated on."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.analysis.comparison.replicates import SavedPredictions, saved_predictions
from core.analysis.results.ensemble import Ensemble
from core.analysis.results.trained_models import TrainedModel
from core.analysis.statistics.temperature_scaling import calibrated
from core.analysis.statistics.wilson_interval import wilson_interval
from core.analysis.text import count, percent
from core.data.datasets.dataset import DataError
from core.data.datasets.split import Manifest
from core.experiment.runs.index import FileStamp, file_stamp
from core.experiment.runs.run_store import RunStore

_ALL_USED = "every image was used for training by some member"
_NOT_SAVED = "the manifest or the probabilities on the test images of some member are missing"

_MAX_MANIFESTS = 256


@dataclass(frozen=True)
class HeldOutPredictions:
    """An ensemble's predictions for the images that none of its members was trained or validated on.

    Args:
        predicted, labels: predicted and true class of each image, by its path.
        not_measured: why there are no predictions; "" if there are some.
    """

    predicted: dict[str, str]
    labels: dict[str, str]
    not_measured: str = ""

    @property
    def images(self) -> int:
        return len(self.predicted)

    @property
    def accuracy(self) -> float | None:
        if not self.images:
            return None
        return sum(self.predicted[path] == self.labels[path] for path in self.predicted) / self.images

    def describe(self) -> str:
        """`92.0% on 50 images that no member was trained on (95% interval 81.2% to 96.8%)`, or why it is unknown."""
        if self.accuracy is None:
            return f"not measured, because {self.not_measured}"
        low, high = wilson_interval(self.accuracy, self.images)
        images = count(self.images, "image")
        return (
            f"{percent(self.accuracy)} on {images} that no member was trained on (95% interval {percent(low)} to "
            f"{percent(high)})"
        )


def held_out_predictions(store: RunStore, ensemble: Ensemble) -> HeldOutPredictions:
    """Average the saved calibrated probabilities of the members for the images in every member's test part.

    Raises `NoSuchRun`.
    """
    paths = held_out_images(store, ensemble)
    saved = [saved_predictions(store, member.run.id) for member in ensemble.members]
    known = [found for found in saved if found and found.classes == ensemble.classes]
    if paths is None or len(known) < len(saved):
        return HeldOutPredictions({}, {}, _NOT_SAVED)
    shared = sorted(paths.intersection(*(found.paths for found in known)))
    if not shared:
        return HeldOutPredictions({}, {}, _ALL_USED)
    members = zip(known, ensemble.members, strict=True)
    mean = np.mean([_probabilities(found, member, shared) for found, member in members], axis=0)
    labels = dict(zip(known[0].paths, known[0].labels, strict=True))
    predicted = [ensemble.classes[number] for number in mean.argmax(axis=1)]
    return HeldOutPredictions(dict(zip(shared, predicted, strict=True)), {path: labels[path] for path in shared})


def _probabilities(saved: SavedPredictions, member: TrainedModel, paths: list[str]) -> np.ndarray:
    """(paths, classes) calibrated probabilities."""
    rows = {path: row for row, path in enumerate(saved.paths)}
    return calibrated(saved.probabilities[[rows[path] for path in paths]], member.temperature)


def held_out_images(store: RunStore, ensemble: Ensemble) -> frozenset[str] | None:
    """Paths of the images in the test part of every member, of whose content no member has a copy in another part.

    None if a manifest cannot be read. Raises `NoSuchRun`.
    """
    try:
        parts = [
            _read_parts(store, member.run.id, file_stamp(store.path(member.run.id) / "manifest.csv"))
            for member in ensemble.members
        ]
    except (OSError, DataError, UnicodeDecodeError):
        return None
    used = frozenset[str]().union(*(hashes for _, hashes in parts))
    tested = frozenset.intersection(*(images for images, _ in parts))
    return frozenset(path for path, content in tested if content not in used)


@lru_cache(_MAX_MANIFESTS)
def _read_parts(store: RunStore, run_id: str, _stamp: FileStamp) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """(path, hash) of the test images of a run, and the hashes of all others.

    `_stamp` is part of the cache key, so that a changed manifest is read again.
    """
    items = Manifest.from_csv(store.manifest(run_id)).items
    return (
        frozenset((item.path, item.hash) for item in items if item.split == "test"),
        frozenset(item.hash for item in items if item.split != "test"),
    )
