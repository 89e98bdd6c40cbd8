"""One loop over the phases, for every strategy."""

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
from core.learning.network.cut_points import CutPoint
from core.learning.network.model import base_of, count_trainable, unfreeze_layers
from core.learning.network.trained_part import trained_part
from core.learning.training.batches import Batches, TrainingData, balanced_weights
from core.learning.training.checkpoint import Arrays, Checkpoint, Checkpoints
from core.learning.training.frozen_features import FrozenFeatures

STEP_ROW_SECONDS = 0.25
"""A step row is written at most this often: curves stream, files stay small."""

Emit = Callable[[Row], None]


@dataclass(frozen=True)
class Outcome:
    """How a training went. The model that was given holds the best epoch's weights, if an epoch was finished."""

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
    activations: FrozenFeatures | None = None,
) -> Outcome:
    """Train `model` through the phases of the strategy, from `start` on where it is given.

    Every phase compiles afresh, so its optimizer starts anew. `emit` gets a row an epoch and a few a second in
    between. A stop request, or `KeyboardInterrupt`, ends it in good order. What the frozen part says comes from
    `activations`; without them it is computed in each epoch anew. Raises `Diverged`.
    """
    activations = activations or FrozenFeatures(config, model, RunCache())
    training = _Training(config, model, data, emit, should_stop, checkpoints, activations)
    if start:
        training.restore(start)
    stopped = False
    try:
        for number, phase in enumerate(config.strategy.phases, start=1):
            training.run_phase(number, phase)
    except KeyboardInterrupt:
        stopped = True
    training.take_best_weights()
    return Outcome(tuple(training.rows), stopped)


class _Training:
    """What a training knows between its phases."""

    def __init__(
        self,
        config: RunConfig,
        model: keras.Model,
        data: TrainingData,
        emit: Emit,
        should_stop: Callable[[], bool],
        checkpoints: Checkpoints | None,
        activations: FrozenFeatures,
    ) -> None:
        self.config, self.model, self.data = config, model, data
        self.emit, self.should_stop, self.checkpoints = emit, should_stop, checkpoints
        self.activations = activations
        self.rows: list[Row] = []
        self._moving = moving_weights(model, max(phase.unfreeze for phase in config.strategy.phases))
        self.best: Arrays = ()
        self._optimizer: Arrays = ()

    def restore(self, state: Checkpoint) -> None:
        """Stand where the checkpoint stood."""
        self.rows, self.best, self._optimizer = list(state.rows), state.best, state.optimizer
        _assign(self._moving, state.weights)

    def run_phase(self, number: int, phase: Phase) -> None:
        """Train what is left of a phase."""
        left = self._epochs_left(number, phase)
        if left == 0:
            return
        above = self._compile(number, phase, resumed=left < phase.epochs)
        done, data, batch_size = len(self.rows), self.data, self.config.batch_size
        weights = balanced_weights(data.train.labels) if self.config.class_weights else None
        batches = Batches(
            self.activations.training(data.train, number), data.train.labels, batch_size, self.config.seed, weights
        )
        validation = Batches(self.activations.plain(data.validation, number), data.validation.labels, batch_size)
        # shuffle=False: Keras would shuffle the batches once more, in an order that no seed and no epoch fixes
        above.fit(
            batches,
            validation_data=validation,
            shuffle=False,
            verbose=0,
            initial_epoch=done,
            epochs=done + left,
            callbacks=[_Follow(self, number, phase, batches)],
        )

    def finish_epoch(self, row: Row, optimizer: keras.Optimizer) -> None:
        """Keep the epoch: first the checkpoint, then its row, so that no row is without a state to go on from."""
        weights = _copy(self._moving)
        if not self.rows or best_key(row) > max(map(best_key, self.rows)):
            self.best = weights
        self.rows.append(row)
        if self.checkpoints:
            self.checkpoints.save(Checkpoint(tuple(self.rows), weights, _copy(optimizer.variables), self.best))
        self.emit(row)

    def is_out_of_patience(self, number: int) -> bool:
        """Whether the phase has gone `patience` epochs without a better validation loss."""
        losses = [row["val_loss"] for row in self.rows if row["phase"] == number]
        patience = self.config.patience
        return bool(patience and losses) and len(losses) - 1 - int(np.argmin(losses)) >= patience

    def take_best_weights(self) -> None:
        if self.best:
            _assign(self._moving, self.best)

    def _epochs_left(self, number: int, phase: Phase) -> int:
        later = any(row["phase"] > number for row in self.rows)
        if later or self.is_out_of_patience(number):
            return 0
        return phase.epochs - sum(row["phase"] == number for row in self.rows)

    def _compile(self, number: int, phase: Phase, resumed: bool) -> keras.Model:
        """What trains in this phase: the part of the model above the phase's cut."""
        above = compile_phase(self.model, phase, self.activations.cut(number))
        if resumed:
            self._restore_optimizer(above)
        return above

    def _restore_optimizer(self, above: keras.Model) -> None:
        """Go on with the stored state; in another precision there is none that fits, and the optimizer starts anew."""
        variables = above.optimizer.variables
        if [variable.shape for variable in variables] == [array.shape for array in self._optimizer]:
            _assign(variables, self._optimizer)


class _Follow(keras.callbacks.Callback):
    """Turns what Keras reports within one phase into rows, and ends the phase when it is time."""

    def __init__(self, training: _Training, number: int, phase: Phase, batches: Batches) -> None:
        super().__init__()
        self._training, self._number, self._phase, self._batches = training, number, phase, batches
        self._earlier_seconds = sum(row["seconds"] for row in training.rows)

    def on_epoch_begin(self, epoch: int, logs: Row | None = None) -> None:
        self._batches.begin(epoch)
        reseed(self.model, self._training.config.seed, epoch)
        self._epoch, self._began, self._images_before = epoch, time.perf_counter(), 0
        self._emitted = self._began

    def on_train_batch_end(self, batch: int, logs: Row | None = None) -> None:
        self._obey()
        now = time.perf_counter()
        if now - self._emitted < STEP_ROW_SECONDS and batch + 1 < self.params["steps"]:
            return
        images = min((batch + 1) * self._training.config.batch_size, len(self._training.data.train))
        step = self._epoch * self.params["steps"] + batch + 1
        self._expect_number(logs["loss"], step)
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

    def on_test_batch_end(self, batch: int, logs: Row | None = None) -> None:
        self._obey()

    def on_epoch_end(self, epoch: int, logs: Row | None = None) -> None:
        for name in ("loss", "val_loss"):
            self._expect_number(logs[name], (epoch + 1) * self.params["steps"])
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

    def _obey(self) -> None:
        if self._training.should_stop():
            raise KeyboardInterrupt

    def _expect_number(self, loss: float, step: int) -> None:
        if not math.isfinite(float(loss)):
            raise Diverged(step, self._phase.learning_rate)


def compile_phase(model: keras.Model, phase: Phase, cut: CutPoint | None) -> keras.Model:
    """The part of a model above a cut, ready to train as the phase says, with an optimizer that starts anew."""
    unfreeze_layers(model, phase.unfreeze)
    above = trained_part(model, cut)
    on_gpu = bool(keras.distribution.list_devices("gpu"))
    # The accuracy and the optimizer make their variables here: made in the first step, they have it traced twice.
    accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
    above.compile(
        keras.optimizers.Adam(phase.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=[accuracy],
        jit_compile="auto" if on_gpu else False,
    )  # XLA is 15x slower on CPUs
    above.optimizer.build(above.trainable_variables)
    return above


def moving_weights(model: keras.Model, deepest: int) -> list[keras.Variable]:
    """The weights that a run may change whose phases train at most the top `deepest` layers of the base."""
    base = base_of(model)
    below = base.layers[: len(base.layers) - deepest] if base is not None else []
    frozen = {id(weight) for layer in below for weight in layer.weights}
    return [weight for weight in model.weights if id(weight) not in frozen]


def _assign(variables: list[keras.Variable], arrays: Arrays) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _copy(variables: list[keras.Variable]) -> Arrays:
    return tuple(np.array(keras.ops.convert_to_numpy(variable)) for variable in variables)


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Make dropout and augmentation of an epoch a function of seed and epoch, so that a resumed run repeats them."""
    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    for number, state in enumerate(states):
        state.assign(np.array([seed + number, epoch * 1_000_003 % 2**32], dtype="uint32"))
