"""A phase that trains the head alone: in NumPy, on features that are loaded once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from core.data.datasets.augmentation import copies_in_turn
from core.experiment.strategy import Phase
from core.learning.head.blas_threads import in_one_thread
from core.learning.head.gradients import mean_loss_and_accuracy
from core.learning.head.head_weights import HeadWeights, head_of, predict_log_probabilities
from core.learning.head.trainer import HeadTrainer
from core.learning.inputs.loaded_features import keep_in_memory
from core.learning.inputs.training_data import BatchOrder, InputLoader, class_weights_of
from core.learning.training.phase_log import PhaseLog
from core.learning.training.progress import Context, Progress

_TURN = threading.Lock()
"""Heads in several threads train an epoch each in turn: together they would only wait for Python's interpreter lock."""


def train_head(context: Context, progress: Progress, number: int, phase: Phase) -> None:
    """Train the remaining epochs of phase number `number` (from 1), from the weights of `progress` on."""
    left, done = progress.epochs_left(number, phase), len(progress.rows)
    trainer = _trainer(context, progress, phase, resumed=left < phase.epochs)
    images = context.data.train
    log = PhaseLog(number, phase, len(images), context.config.batch_size, progress.elapsed, context.emit)
    inputs, validation_inputs = _inputs(context, number)
    order = BatchOrder(len(images), context.config.batch_size, context.config.seed)
    for epoch in range(done, done + left):
        order.start_epoch(epoch)
        trainer.start_epoch(epoch)
        with _turn(context):
            log.start_epoch(epoch)
            loss, accuracy = _train_epoch(context, trainer, log, order, inputs)
            val_loss, val_accuracy = _validate(context, trainer.head, validation_inputs)
            values = {"loss": loss, "accuracy": accuracy, "val_loss": val_loss, "val_accuracy": val_accuracy}
            row = log.end_epoch(trainer.trainable_parameters, **values)
        progress.finish_epoch(row, tuple(trainer.head.copy()), trainer.optimizer.state())
        if progress.is_out_of_patience(number):
            return


@contextmanager
def _turn(context: Context) -> Iterator[None]:
    """Wait for this head's turn; a stop request is noticed meanwhile."""
    while not _TURN.acquire(timeout=0.2):
        context.stop_if_requested()
    try:
        with in_one_thread():
            yield
    finally:
        _TURN.release()


def _trainer(context: Context, progress: Progress, phase: Phase, resumed: bool) -> HeadTrainer:
    config = context.config
    head = head_of(progress.weights) if progress.weights else context.network.head
    trainer = HeadTrainer(head, phase.learning_rate, config.seed, config.dropout)
    if resumed:
        trainer.restore_optimizer(progress.optimizer)
    return trainer


def _inputs(context: Context, number: int) -> tuple[InputLoader, InputLoader]:
    """Loaders of the features for training and validation, kept in memory if they fit."""
    config, features, data = context.config, context.frozen_features, context.data
    cut_point = features.cut_point(number)
    assert cut_point is not None  # the head starts from the pooled features
    channels, copies = cut_point.shape[0], copies_in_turn(config)
    return (
        keep_in_memory(features.training_inputs(data.train, number), len(data.train), channels, copies),
        keep_in_memory(features.validation_inputs(data.validation, number), len(data.validation), channels, copies=1),
    )


def _train_epoch(
    context: Context, trainer: HeadTrainer, log: PhaseLog, order: BatchOrder, inputs: InputLoader
) -> tuple[float, float]:
    """Train one epoch; return its mean loss and accuracy."""
    labels, loss, correct, done = context.data.train.labels, 0.0, 0, 0
    class_weights = class_weights_of(context.config, context.data.train)
    for batch in range(len(order)):
        context.stop_if_requested()
        numbers = order[batch]
        weights = None if class_weights is None else class_weights[labels[numbers]]
        result = trainer.step(inputs(numbers, order.epoch), labels[numbers], weights)
        loss, correct, done = loss + result.loss * len(numbers), correct + result.correct, done + len(numbers)
        log.expect_finite(loss, batch)
        log.end_batch(batch, loss / done, correct / done)
    return loss / done, correct / done


def _validate(context: Context, head: HeadWeights, inputs: InputLoader) -> tuple[float, float]:
    """The mean loss and the accuracy on the validation images."""
    images, batch_size = context.data.validation, context.config.batch_size
    features = load_in_batches(len(images), inputs, batch_size, context.stop_if_requested)
    return mean_loss_and_accuracy(predict_log_probabilities(head, features), images.labels)


def predict_head(head: HeadWeights, images: int, inputs: InputLoader, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """The features (n, channels) of the images and the probabilities (n, classes) that the head gives them."""
    features = load_in_batches(images, inputs, batch_size).astype(np.float32)
    return features, np.exp(predict_log_probabilities(head, features))


def load_in_batches(
    images: int, inputs: InputLoader, batch_size: int, between: Callable[[], None] = lambda: None
) -> np.ndarray:
    """Load the features of all images; `between` is called before each batch, some of which may take long."""
    order, parts = BatchOrder(images, batch_size), []
    for batch in range(len(order)):
        between()
        parts.append(inputs(order[batch], 0))
    return np.concatenate(parts)
