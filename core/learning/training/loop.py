"""The training loop over the phases of a strategy."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from core.data.cache.run_cache import RunCache
from core.experiment.run_config import RunConfig
from core.experiment.runs.errors import Diverged
from core.experiment.runs.metrics import best_key
from core.experiment.runs.run import Row
from core.experiment.strategy import Phase
from core.learning.network.accelerator import folding_pays, jit_compile, sync_variables
from core.learning.network.cut_points import CutPoint
from core.learning.network.folding import fold
from core.learning.network.model import base_of, count_trainable, unfreeze_layers
from core.learning.network.trained_part import trained_part
from core.learning.training.batches import Batches, TrainingData, training_batches
from core.learning.training.checkpoint import Arrays, Checkpoint, Checkpoints
from core.learning.training.frozen_features import FrozenFeatures

STEP_ROW_SECONDS = 0.25
"""Least time between two step rows: often enough for live curves, seldom enough for small files."""

Emit = Callable[[Row], None]


@dataclass(frozen=True)
class Outcome:
    """Result of a training. The model has the weights of the best epoch, if at least one epoch was completed."""

    rows: tuple[Row, ...]
    stopped: bool

    @property
    def best(self) -> Row | None:
        return max(self.rows, key=best_key, default=None)


def train(
    config: RunConfig,
    model: keras.Model,
    data: TrainingData,
    emit: Emit,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoints: Checkpoints | None = None,
    start: Checkpoint | None = None,
    frozen_features: FrozenFeatures | None = None,
) -> Outcome:
    """Train `model` through the phases of the strategy, resumed from `start` if given.

    Every phase compiles the model again, with a new optimizer. `emit` receives one row per epoch and a few per second
    in between. A stop request or `KeyboardInterrupt` stops the training in an orderly way. Without `frozen_features`
    nothing is cached and the frozen layers are computed in every epoch. Raises `Diverged`.
    """
    frozen_features = frozen_features or FrozenFeatures(config, model, RunCache())
    training = _Training(config, model, data, emit, should_stop, checkpoints, frozen_features)
    if start:
        training.restore(start)
    stopped = False
    try:
        for number, phase in enumerate(config.counted_strategy.phases, start=1):
            training.run_phase(number, phase)
    except KeyboardInterrupt:
        stopped = True
    training.restore_best_weights()
    return Outcome(tuple(training.rows), stopped)


class _Training:
    """The state of a training across its phases."""

    def __init__(
        self,
        config: RunConfig,
        model: keras.Model,
        data: TrainingData,
        emit: Emit,
        should_stop: Callable[[], bool],
        checkpoints: Checkpoints | None,
        frozen_features: FrozenFeatures,
    ) -> None:
        self.config, self.model, self.data = config, model, data
        self.emit, self.should_stop, self.checkpoints = emit, should_stop, checkpoints
        self.frozen_features = frozen_features
        self.rows: list[Row] = []
        self._weights = changeable_weights(model, max(config.counted_strategy.depths))
        self.best: Arrays = ()
        self._optimizer: Arrays = ()

    def restore(self, state: Checkpoint) -> None:
        """Restore the state of a checkpoint."""
        self.rows, self.best, self._optimizer = list(state.rows), state.best, state.optimizer
        _assign(self._weights, state.weights)

    def run_phase(self, number: int, phase: Phase) -> None:
        """Train the remaining epochs of a phase."""
        left = self._epochs_left(number, phase)
        if left == 0:
            return
        network = self._compile(number, phase, resumed=left < phase.epochs)
        done, images, features = len(self.rows), self.data.validation, self.frozen_features
        batches = training_batches(self.config, self.data.train, features.training_inputs(self.data.train, number))
        validation = Batches(features.validation_inputs(images, number), images.labels, self.config.batch_size)
        # shuffle=False: Keras would shuffle the batches again, in an order that does not follow the seed
        try:
            network.fit(
                batches,
                validation_data=validation,
                shuffle=False,
                verbose=0,
                initial_epoch=done,
                epochs=done + left,
                callbacks=[_PhaseCallback(self, number, phase, batches)],
            )
        finally:
            sync_variables(network)

    def finish_epoch(self, row: Row, optimizer: keras.Optimizer) -> None:
        """Save the epoch: the checkpoint before the row, so that training can resume after every written row."""
        weights = _copy(self._weights)
        if not self.rows or best_key(row) > max(map(best_key, self.rows)):
            self.best = weights
        self.rows.append(row)
        if self.checkpoints:
            self.checkpoints.save(Checkpoint(tuple(self.rows), weights, _copy(optimizer.variables), self.best))
        self.emit(row)

    def is_out_of_patience(self, number: int) -> bool:
        """Early stopping: return True if the validation loss of the phase has not improved for `patience` epochs."""
        losses = [row["val_loss"] for row in self.rows if row["phase"] == number]
        patience = self.config.patience
        return bool(patience and losses) and len(losses) - 1 - int(np.argmin(losses)) >= patience

    def restore_best_weights(self) -> None:
        if self.best:
            _assign(self._weights, self.best)

    def _epochs_left(self, number: int, phase: Phase) -> int:
        is_past = any(row["phase"] > number for row in self.rows)
        if is_past or self.is_out_of_patience(number):
            return 0
        done: int = sum(row["phase"] == number for row in self.rows)
        return phase.epochs - done

    def _compile(self, number: int, phase: Phase, resumed: bool) -> keras.Model:
        """Compile the network that trains in this phase: the part of the model above the phase's cut point."""
        network = compile_phase(self.model, phase, self.frozen_features.cut_point(number))
        if resumed:
            self._restore_optimizer(network)
        return network

    def _restore_optimizer(self, network: keras.Model) -> None:
        """Restore the optimizer's state; if it was stored under another precision, it does not fit and starts anew."""
        variables = network.optimizer.variables
        if [variable.shape for variable in variables] == [array.shape for array in self._optimizer]:
            _assign(variables, self._optimizer)


class _PhaseCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Writes the metrics of one phase as rows, and stops the phase on request, on divergence or out of patience."""

    def __init__(self, training: _Training, number: int, phase: Phase, batches: Batches) -> None:
        super().__init__()
        self._training, self._number, self._phase, self._batches = training, number, phase, batches
        self._earlier_seconds = sum(row["seconds"] for row in training.rows)

    def on_epoch_begin(self, epoch: int, logs: Row | None = None) -> None:
        self._batches.start_epoch(epoch)
        reseed(self.model, self._training.config.seed, epoch)
        self._epoch, self._began, self._images_before = epoch, time.perf_counter(), 0
        self._emitted = self._began

    def on_train_batch_end(self, batch: int, logs: Row) -> None:
        self._stop_if_requested()
        now = time.perf_counter()
        if now - self._emitted < STEP_ROW_SECONDS and batch + 1 < self.params["steps"]:
            return
        images = min((batch + 1) * self._training.config.batch_size, len(self._training.data.train))
        step = self._epoch * self.params["steps"] + batch + 1
        self._expect_finite(logs["loss"], step)
        self._training.emit(
            {
                "kind": "step",
                "step": step,
                "epoch": self._epoch + 1,
                "phase": self._number,
                "done": (batch + 1) / self.params["steps"],
                "loss": float(logs["loss"]),
                "accuracy": float(logs["accuracy"]),
                "elapsed": round(self._earlier_seconds + now - self._began, 3),
                "images_per_second": round((images - self._images_before) / max(now - self._emitted, 1e-9), 1),
            }
        )
        self._emitted, self._images_before = now, images

    def on_test_batch_end(self, batch: int, logs: Row) -> None:
        self._stop_if_requested()

    def on_epoch_end(self, epoch: int, logs: Row) -> None:
        for name in ("loss", "val_loss"):
            self._expect_finite(logs[name], (epoch + 1) * self.params["steps"])
        seconds = time.perf_counter() - self._began
        self._earlier_seconds += seconds
        values = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        self._training.finish_epoch(
            {
                "kind": "epoch",
                "epoch": epoch + 1,
                "phase": self._number,
                "unfreeze": self._phase.unfreeze,
                "learning_rate": self._phase.learning_rate,
                **values,
                "seconds": round(seconds, 3),
                "elapsed": round(self._earlier_seconds, 3),
                "trainable_parameters": count_trainable(self._training.model),
                "images_per_second": round(len(self._training.data.train) / seconds, 1),
            },
            self.model.optimizer,
        )
        self.model.stop_training = self._training.is_out_of_patience(self._number)

    def _stop_if_requested(self) -> None:
        if self._training.should_stop():
            raise KeyboardInterrupt

    def _expect_finite(self, loss: float, step: int) -> None:
        if not math.isfinite(float(loss)):
            raise Diverged(step, self._phase.learning_rate)


def compile_phase(model: keras.Model, phase: Phase, cut_point: CutPoint | None) -> keras.Model:
    """Return the part of a model above a cut point, compiled for a phase, with a new optimizer."""
    unfreeze_layers(model, phase.unfreeze)
    network = trained_part(model, cut_point)
    if folding_pays():
        network = fold(network)
    # The variables of the accuracy and the optimizer are created here: if the first step created them, TensorFlow would
    # trace it twice.
    accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
    network.compile(
        keras.optimizers.Adam(phase.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=[accuracy],
        jit_compile=jit_compile(),
    )
    network.optimizer.build(network.trainable_variables)
    return network


def changeable_weights(model: keras.Model, max_depth: int) -> list[keras.Variable]:
    """Return the weights that a run can change if its phases train at most the top `max_depth` layers of the base."""
    base = base_of(model)
    frozen_layers = base.layers[: len(base.layers) - max_depth] if base is not None else []
    frozen = {id(weight) for layer in frozen_layers for weight in layer.weights}
    return [weight for weight in model.weights if id(weight) not in frozen]


def _assign(variables: list[keras.Variable], arrays: Arrays) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _copy(variables: list[keras.Variable]) -> Arrays:
    return tuple(np.array(keras.ops.convert_to_numpy(variable)) for variable in variables)


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Derive the random state of dropout from seed and epoch, so that a resumed run repeats it."""
    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    for number, state in enumerate(states):
        state.assign(np.array([seed + number, epoch * 1_000_003 % 2**32], dtype="uint32"))
