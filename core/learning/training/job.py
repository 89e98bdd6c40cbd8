"""One run from its folder's configuration to its evaluation: what a worker does."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.scan import data_folder, find_root
from core.data.datasets.split import Manifest
from core.experiment.export_formats import MODEL_FILE
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Row, State
from core.learning.inference.predictor import note_hash
from core.learning.network.model import build_model, in_float32
from core.learning.training.batches import TrainingData, load_data
from core.learning.training.checkpoint import Checkpoints
from core.learning.training.evaluation import evaluate, write_evaluation
from core.learning.training.frozen_features import FrozenFeatures
from core.learning.training.loop import Outcome, train
from core.learning.training.tensorboard import TensorBoard, write_hparams
from core.machine.files import whole


class Reporter(Protocol):
    """Who is told how a run goes, and who may ask it to stop."""

    folder: Path
    device_id: str

    def set_status(self, **changes: Any) -> None: ...
    def emit(self, row: Row) -> None: ...
    def resume_from(self, rows: Sequence[Row]) -> None: ...
    def should_stop(self) -> bool: ...
    def depths_of_waiting_runs(self) -> Collection[int]: ...


def train_run(config: RunConfig, reporter: Reporter, precision: str = "float32") -> bool:
    """Train, save and evaluate one run in `reporter.folder`; True when completed, False when stopped on request.

    Raises `ValueError` for data or weights that cannot be used, `Diverged`, `OSError`.
    """
    _prepare_keras(config, precision, reporter)
    reporter.set_status(note="Reading the weights")
    manifest = Manifest.from_csv((reporter.folder / "manifest.csv").read_text(encoding="utf-8"))
    model = build_model(config, len(manifest.classes))
    run_cache = RunCache(
        FeatureCache() if config.reuse else None, len(manifest.items), lambda text: reporter.set_status(remark=text)
    )
    data = load_data(manifest, find_root(data_folder(config.data)), config.image_size, run_cache)
    activations = FrozenFeatures(config, model, run_cache, reporter.depths_of_waiting_runs())
    outcome = _train(config, model, data, activations, reporter)
    model = in_float32(model)
    if outcome.rows:
        _save(model, reporter.folder / MODEL_FILE)
    if outcome.stopped:
        return False
    reporter.set_status(note="Measuring on the test images")
    judged = evaluate(model, data, config.batch_size, activations)
    write_evaluation(reporter.folder, judged, data)
    write_hparams(reporter.folder / "tensorboard", config, judged.evaluation["accuracy"])
    reporter.set_status(saved_seconds=round(run_cache.saved_seconds, 1))
    return True


def _prepare_keras(config: RunConfig, precision: str, reporter: Reporter) -> None:
    if reporter.device_id.startswith("gpu") and not keras.distribution.list_devices("gpu"):
        precision = "float32"
        reporter.set_status(device="CPU, as Keras sees no GPU: requirements-gpu.txt has what it needs")
    policy = precision if config.mixed_precision else "float32"
    keras.config.set_dtype_policy(policy)
    reporter.set_status(precision=policy)
    if config.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # Keras has no word for it

        tf.config.experimental.enable_op_determinism()


def _train(
    config: RunConfig, model: keras.Model, data: TrainingData, activations: FrozenFeatures, reporter: Reporter
) -> Outcome:
    checkpoints = Checkpoints(reporter.folder / "checkpoint")
    start = checkpoints.load()
    rows = start.rows if start else ()
    reporter.resume_from(rows)
    reporter.set_status(state=State.RUNNING, note="")
    with TensorBoard(reporter.folder / "tensorboard", rows) as board:

        def emit(row: Row) -> None:
            reporter.emit(row)
            if row["kind"] == "epoch":
                board.write(row)

        return train(config, model, data, emit, reporter.should_stop, checkpoints, start, activations)


def _save(model: keras.Model, path: Path) -> None:
    """Write the model whole or not at all; its hash before it, so that no moment shows a model without one."""
    with whole(path) as draft:
        model.save(draft)
        note_hash(draft, path.with_suffix(".sha256"))
