"""A phase that trains layers of the base, or the baseline: Keras trains the part of the model above a cut point."""

import keras
import numpy as np

from core.experiment.runs.run import Row
from core.experiment.strategy import Phase
from core.learning.head.adam import Arrays
from core.learning.inputs.batches import Batches
from core.learning.inputs.training_data import training_batches
from core.learning.network.accelerator import folding_pays, jit_compile, sync_variables
from core.learning.network.cut_points import CutPoint
from core.learning.network.folding import fold
from core.learning.network.model import base_of, count_trainable, unfreeze_layers
from core.learning.network.trained_part import trained_part
from core.learning.training.phase_log import PhaseLog
from core.learning.training.progress import Context, Progress


def train_layers(context: Context, progress: Progress, number: int, phase: Phase) -> None:
    """Train the remaining epochs of phase number `number` (from 1), from the weights of `progress` on."""
    left, done, data = progress.epochs_left(number, phase), len(progress.rows), context.data
    model = context.network.open_model()
    weights = changeable_weights(model, max(context.config.counted_strategy.depths))
    _complete(progress, weights)
    network = compile_phase(model, phase, context.frozen_features.cut_point(number))
    if left < phase.epochs:
        _restore_optimizer(network, progress.optimizer)
    features, config = context.frozen_features, context.config
    batches = Batches(training_batches(config, data.train, features.training_inputs(data.train, number)))
    validation_inputs = features.validation_inputs(data.validation, number)
    try:
        # shuffle=False: Keras would shuffle the batches again, in an order that does not follow the seed
        network.fit(
            batches,
            validation_data=Batches.of(validation_inputs, data.validation.labels, config.batch_size),
            shuffle=False,
            verbose=0,
            initial_epoch=done,
            epochs=done + left,
            callbacks=[_PhaseCallback(context, progress, number, phase, batches, weights)],
        )
    finally:
        sync_variables(network)


def restore_weights(model: keras.Model, max_depth: int, arrays: Arrays) -> None:
    """Set the weights that a run can change, or those of the head alone if there are no others in `arrays`."""
    weights = changeable_weights(model, max_depth)
    _assign(weights[len(weights) - len(arrays) :], arrays)


def _complete(progress: Progress, weights: list[keras.Variable]) -> None:
    """Assign the weights of `progress`, and add the untrained layers of the base to weights of the head alone."""
    initial = _copy(weights)

    def completed(arrays: Arrays) -> Arrays:
        return initial[: len(initial) - len(arrays)] + tuple(arrays) if arrays else ()

    progress.weights, progress.best = completed(progress.weights), completed(progress.best)
    if progress.weights:
        _assign(weights, progress.weights)


class _PhaseCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Writes the metrics of one phase as rows, and stops the phase on request, on divergence or out of patience."""

    def __init__(
        self,
        context: Context,
        progress: Progress,
        number: int,
        phase: Phase,
        batches: Batches,
        weights: list[keras.Variable],
    ) -> None:
        super().__init__()
        self._context, self._progress, self._number = context, progress, number
        self._batches, self._weights = batches, weights
        images, batch_size = len(context.data.train), context.config.batch_size
        self._log = PhaseLog(number, phase, images, batch_size, progress.elapsed, context.emit)

    def on_epoch_begin(self, epoch: int, logs: Row | None = None) -> None:
        self._batches.start_epoch(epoch)
        reseed(self.model, self._context.config.seed, epoch)
        self._log.start_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: Row) -> None:
        self._context.stop_if_requested()
        self._log.end_batch(batch, logs["loss"], logs["accuracy"])

    def on_test_batch_end(self, batch: int, logs: Row) -> None:
        self._context.stop_if_requested()

    def on_epoch_end(self, epoch: int, logs: Row) -> None:
        values = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        row = self._log.end_epoch(count_trainable(self._context.network.model), **values)
        self._progress.finish_epoch(row, _copy(self._weights), _copy(self.model.optimizer.variables))
        self.model.stop_training = self._progress.is_out_of_patience(self._number)


def compile_phase(model: keras.Model, phase: Phase, cut_point: CutPoint | None) -> keras.Model:
    """Return the part of a model above a cut point, compiled for a phase, with a new optimizer."""
    unfreeze_layers(model, phase.unfreeze)
    part = trained_part(model, cut_point)
    network = fold(part) if folding_pays() else part
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


def _restore_optimizer(network: keras.Model, state: Arrays) -> None:
    """Restore the optimizer's state; if it was stored under another precision, it does not fit and starts anew."""
    variables = network.optimizer.variables
    if [variable.shape for variable in variables] == [array.shape for array in state]:
        _assign(variables, state)


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
