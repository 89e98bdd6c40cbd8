"""Which trained models can be asked about pictures, and what their answers mean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from core.analysis.results.evaluation_file import evaluation_figures
from core.data.datasets.scan import DataError, data_folder, find_root
from core.data.datasets.split import Manifest
from core.experiment.export_formats import MODEL_FILE
from core.experiment.runs.run import AnyRun, CorruptRun, Run
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore

OFFERED = 100
"""Models to choose from: those of the newest runs."""

LOOKED_AT = 1_000
"""Finished runs among which models are looked for: asking the disk about 10,000 would take too long."""


class ModelError(ValueError):
    """A run's model cannot be asked."""


@dataclass(frozen=True)
class TrainedModel:
    """The best model of a run. `classes` are what its probabilities stand for, `temperature` makes them honest where it
    is known; `folder_stamp` changes when it trains anew.
    """

    run: Run
    path: Path
    stamp: int
    classes: tuple[str, ...]
    temperature: float | None = None

    @property
    def image_size(self) -> int:
        return self.run.config.image_size


def runs_with_models(
    store: RunStore, runs: Iterable[AnyRun], limit: int = OFFERED, looked_at: int = LOOKED_AT
) -> list[Run]:
    """The first `limit` finished runs that have a model; one that was stopped after an epoch has one too.

    No more than the first `looked_at` finished runs are looked at.
    """
    finished = islice((run for run in runs if isinstance(run, Run) and run.state.is_finished), looked_at)
    return list(islice((run for run in finished if (store.root / run.id / MODEL_FILE).is_file()), limit))


def default_models(store: RunStore, runs: Sequence[AnyRun], limit: int) -> list[Run]:
    """The models of the newest study that has some, at most `limit`: one of each strategy before further seeds.

    A study that still trains comes after those that have ended.
    """
    busy = {run.study for run in runs if not run.state.is_finished}
    studies = [list(group) for _, group in groupby(runs_with_models(store, runs), key=lambda run: run.study)]
    study = next((group for group in studies if group[0].study not in busy), studies[0] if studies else [])
    first_of_each = {run.title: run for run in study}  # the newest come first, so the oldest stay
    chosen = [*first_of_each.values(), *(run for run in reversed(study) if run not in first_of_each.values())]
    return sorted(chosen[:limit], key=lambda run: run.id)


def trained_model(store: RunStore, run: AnyRun) -> TrainedModel:
    """The model of a run and its classes. Raises `ModelError` where either is gone."""
    try:
        if isinstance(run, CorruptRun):
            raise DataError("its config.json cannot be read")
        path = store.path(run.id) / MODEL_FILE
        result = evaluation_figures(store.evaluation(run.id))
        classes = result.classes or _manifest(store, run).classes
        return TrainedModel(run, path, path.stat().st_mtime_ns, classes, result.temperature)
    except (NoSuchRun, OSError, DataError) as error:
        raise ModelError(
            f"Expected the model of {run.title} ({run.id}) in the runs folder; received none. Choose another."
        ) from error


def sample_test_images(store: RunStore, run: Run, count: int) -> list[tuple[str, Path]]:
    """Up to `count` (name, path) of the images that judged a run, from all classes.

    Raises `DataError`, `NoSuchRun`, and `OSError` where the data set's folder may not be read.
    """
    items = sorted(_manifest(store, run).of("test"), key=lambda item: (item.label, item.path))
    root = find_root(data_folder(run.config.data))
    step = max(1, len(items) // count)
    return [(item.path, root / item.path) for item in items[step // 2 :: step][:count]]


def _manifest(store: RunStore, run: AnyRun) -> Manifest:
    """What a run learned from. Raises `DataError` where its file is gone or damaged, `NoSuchRun`."""
    try:
        return Manifest.from_csv(store.manifest(run.id))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"Expected the manifest.csv of {run.title} ({run.id}); received none that can be read. "
            "Choose another model."
        ) from error
