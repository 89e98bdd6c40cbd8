"""Find the runs that have a trained model, and load a model's classes and temperature."""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby, islice
from pathlib import Path

from core.analysis.results.evaluation_file import evaluation_figures
from core.data.datasets.dataset import DataError
from core.data.datasets.folder_layout import images_root
from core.data.datasets.split import Manifest
from core.experiment.export_formats import MODEL_FILE
from core.experiment.runs.index import FileStamp, file_stamp
from core.experiment.runs.run import AnyRun, CorruptRun, Run
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore

_LOG = logging.getLogger(__name__)

MAX_OFFERED = 100
"""Number of models offered for selection: those of the newest runs."""

MAX_CHECKED = 1_000
"""Number of finished runs that are checked for a model file: checking 10,000 would take too long."""


class ModelError(ValueError):
    """A run's model cannot be used."""


@dataclass(frozen=True)
class TrainedModel:
    """The best model of a run.

    Args:
        stamp: modification time of the model file; changes when the run is trained again.
        classes: of the probabilities, in order.
        temperature: for temperature scaling; None if unknown.
        scales: of the training images with more than 8 bits (`Manifest.scales`).
    """

    run: Run
    path: Path
    stamp: int
    classes: tuple[str, ...]
    temperature: float | None = None
    scales: tuple[str, ...] | None = ()

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def title(self) -> str:
        return self.run.title

    @property
    def members(self) -> tuple["TrainedModel"]:
        """The model itself, so that it can be used as an ensemble of one."""
        return (self,)

    @property
    def image_size(self) -> int:
        return self.run.config.image_size


def runs_with_models(
    store: RunStore, runs: Iterable[AnyRun], limit: int = MAX_OFFERED, max_checked: int = MAX_CHECKED
) -> list[Run]:
    """Return the first `limit` finished runs that have a model, among the first `max_checked` finished runs.

    A run that was stopped after at least one epoch also has a model.
    """
    finished = islice((run for run in runs if isinstance(run, Run) and run.state.is_finished), max_checked)
    return list(islice((run for run in finished if (store.root / run.id / MODEL_FILE).is_file()), limit))


def default_models(store: RunStore, runs: Sequence[AnyRun], limit: int) -> list[Run]:
    """Return at most `limit` runs of the newest study that has models: one of each strategy before further seeds.

    Finished studies are preferred to studies that are still training.
    """
    busy = {run.study for run in runs if not run.state.is_finished}
    studies = [list(group) for _, group in groupby(runs_with_models(store, runs), key=lambda run: run.study)]
    study = next((group for group in studies if group[0].study not in busy), studies[0] if studies else [])
    first_of_each = {run.title: run for run in study}  # newest first, so the oldest run of each title remains
    chosen = [*first_of_each.values(), *(run for run in reversed(study) if run not in first_of_each.values())]
    return sorted(chosen[:limit], key=lambda run: run.id)


def trained_model(store: RunStore, run: AnyRun) -> TrainedModel:
    """Find a run's model, its classes and its temperature. Raises `ModelError` if the model or classes are missing."""
    try:
        if isinstance(run, CorruptRun):
            raise DataError("its config.json cannot be read")
        path = store.path(run.id) / MODEL_FILE
        figures = evaluation_figures(store.evaluation(run.id))
        classes = figures.classes or read_manifest(store, run).classes
        scales = recorded_scales(store, run)
        return TrainedModel(run, path, path.stat().st_mtime_ns, classes, figures.temperature, scales)
    except (NoSuchRun, OSError, DataError) as error:
        raise ModelError(
            f"Expected the model of {run.title} ({run.id}) in the runs folder; received none. Choose another model."
        ) from error


def sample_test_images(
    store: RunStore, run: Run, count: int, among: Collection[str] | None = None
) -> list[tuple[str, Path]]:
    """Return (name, path) of up to `count` test images of a run, spread over all classes.

    Args:
        among: paths of the images to choose from; None for all.

    Raises `DataError`, `NoSuchRun`, and `OSError` if the data set's folder cannot be read.
    """
    tested = read_manifest(store, run).in_split("test")
    items = sorted(
        (item for item in tested if among is None or item.path in among), key=lambda item: (item.label, item.path)
    )
    if not items:
        raise DataError("Expected test images that no member was trained on; received none. Choose single models.")
    root = images_root(run.config.data, (item.path for item in items))
    step = max(1, len(items) // count)
    return [(item.path, root / item.path) for item in items[step // 2 :: step][:count]]


def recorded_scales(store: RunStore, run: AnyRun) -> tuple[str, ...] | None:
    """Return the scales of a run's training images (`Manifest.scales`). Raises `NoSuchRun`.

    Without a readable manifest there are none, and each image of more than 8 bits is scaled by itself; this is logged.
    """
    path = store.path(run.id) / "manifest.csv"
    try:
        return _read_scales(store, run.id, file_stamp(path))
    except (OSError, DataError, UnicodeDecodeError):
        _warn_of_missing_manifest(path)
        return ()


@cache
def _warn_of_missing_manifest(path: Path) -> None:
    """Log once per run that the scales of its images are unknown."""
    _LOG.warning("%s is missing or damaged: each image of more than 8 bits per channel is scaled by itself.", path)


@lru_cache(256)
def _read_scales(store: RunStore, run_id: str, _stamp: FileStamp) -> tuple[str, ...] | None:
    """`_stamp` is part of the cache key, so that a changed manifest is read again."""
    return Manifest.from_csv(store.manifest(run_id)).scales


def read_manifest(store: RunStore, run: AnyRun) -> Manifest:
    """Read a run's manifest. Raises `DataError` if the file is missing or damaged, and `NoSuchRun`."""
    try:
        return Manifest.from_csv(store.manifest(run.id))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"Expected the manifest.csv of {run.title} ({run.id}); received no readable file. Choose another model."
        ) from error
