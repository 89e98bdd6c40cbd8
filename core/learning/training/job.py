"""Train and evaluate one run, from its configuration to the files in its folder: the job of a worker."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from core.experiment.export_formats import MODEL_FILE
from core.experiment.run_config import RunConfig
from core.experiment.runs.errors import HeadTrained
from core.experiment.runs.run import Row, State
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.run_inputs import expect_images, open_inputs, read_manifest
from core.learning.inputs.training_data import TrainingData
from core.learning.network.engines.bf16 import bf16_for
from core.learning.network.reuse.model_file import write_hash
from core.learning.network.run_network import RunNetwork
from core.learning.training.checkpoint import Checkpoints
from core.learning.training.evaluation import evaluate, write_evaluation
from core.learning.training.loop import Outcome, train
from core.learning.training.tensorboard import TensorBoard, write_hparams
from core.machine.files import atomic_draft
from core.machine.keras_backend import backend_name, gpu_advice


class Reporter(Protocol):
    """Receives the progress of a run, and can request it to stop."""

    folder: Path
    device_id: str
    trains_along: bool

    def set_status(self, **changes: Any) -> None: ...
    def emit(self, row: Row) -> None: ...
    def resume_from(self, rows: Sequence[Row]) -> None: ...
    def should_stop(self) -> bool: ...
    def depths_of_waiting_runs(self) -> Collection[int]: ...


def train_run(config: RunConfig, reporter: Reporter, precision: str = "float32") -> bool:
    """Train, save and evaluate one run in `reporter.folder`; True if completed, False if stopped on request.

    A run that trains along beside another trains only its first phases, those of the head; if it has others, it leaves
    its checkpoint and raises `HeadTrained`. Raises `ValueError` for unusable data or weights, `Diverged`, `OSError`.
    """
    reporter.set_status(note="Checking the images", precision="float32", backend=backend_name())
    manifest = read_manifest(reporter.folder)
    expect_images(config, manifest, reporter.folder)
    reporter.set_status(note="Loading the weights")

    def warn(text: str) -> None:
        reporter.set_status(remark=text)

    network, data, run_cache = open_inputs(
        config,
        manifest,
        warn,
        before_build=lambda: _configure_keras(config, precision, reporter),
        head_only=reporter.trains_along or None,
    )
    later_depths = reporter.depths_of_waiting_runs()
    frozen_features = FrozenFeatures(config, network, run_cache, later_depths, bf16_for(config, warn))
    trained = _head_phases(config) if reporter.trains_along else config
    outcome = _train(trained, network, data, frozen_features, reporter)
    if trained != config and not outcome.stopped:
        raise HeadTrained
    reporter.set_status(note="Saving the model")
    network.to_float32()
    if outcome.rows:
        _save(network, reporter.folder / MODEL_FILE)
    if outcome.stopped:
        return False
    reporter.set_status(note="Evaluating on the test images")
    result = evaluate(network, data, config.batch_size, frozen_features)
    write_evaluation(reporter.folder, result, data)
    write_hparams(reporter.folder / "tensorboard", config, result.evaluation["accuracy"])
    reporter.set_status(saved_seconds=round(run_cache.saved_seconds, 1))
    return True


def _head_phases(config: RunConfig) -> RunConfig:
    """The configuration with only those first phases that train the head alone."""
    return replace(config, strategy=replace(config.strategy, phases=config.strategy.head_phases))


def _configure_keras(config: RunConfig, precision: str, reporter: Reporter) -> None:
    """Prepare Keras for a run. The head trains without it, so it is imported only when the base is needed."""
    import keras

    from core.learning.network.accelerator import has_gpu, make_deterministic

    if reporter.device_id.startswith("gpu") and not has_gpu():
        precision = "float32"
        reporter.set_status(device=f"CPU: Keras finds no GPU, {gpu_advice(keras.backend.backend())}")
    policy = precision if config.mixed_precision else "float32"
    keras.config.set_dtype_policy(policy)
    reporter.set_status(precision=policy)
    if config.deterministic:
        make_deterministic()


def _train(
    config: RunConfig, network: RunNetwork, data: TrainingData, frozen_features: FrozenFeatures, reporter: Reporter
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

        return train(config, network, data, emit, reporter.should_stop, checkpoints, start, frozen_features)


def _save(network: RunNetwork, path: Path) -> None:
    """Write the model atomically, and its hash first, so that a model never exists without its hash."""
    with atomic_draft(path) as draft:
        network.save(draft)
        write_hash(draft, path.with_suffix(".sha256"))
