"""A phase that trains the head alone: in NumPy, on features that are loaded once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from core.data.datasets.augmentation import copies_in_turn
from core.experiment.strategy import Phase
from core.learning.head.gradients import mean_loss_and_accuracy
from core.learning.head.head_weights import HeadWeights, head_of, predict_log_probabilities
from core.learning.head.trainer import HeadTrainer
from core.learning.inputs.loaded_features import keep_in_memory
from core.learning.inputs.training_data import EpochBatches, InputLoader, training_batches
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
    batches = training_batches(context.config, images, inputs)
    for epoch in range(done, done + left):
        batches.start_epoch(epoch)
        trainer.start_epoch(epoch)
        with _turn(context):
            log.start_epoch(epoch)
            loss, accuracy = _train_epoch(context, trainer, log, batches)
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
        yield
    finally:
        _TURN.release()


def _trainer(context: Context, progress: Progress, phase: Phase, resumed: bool) -> HeadTrainer:
    config = context.config
    head = head_of(progress.weights) if progress.weights else context.network.head
    trainer = HeadTrainer(head, phase.learning_rate, config.seed, config.dropout)
    if resumed:
        trainer.optimizer.restore(progress.optimizer)
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


def _train_epoch(context: Context, trainer: HeadTrainer, log: PhaseLog, batches: EpochBatches) -> tuple[float, float]:
    """Train one epoch; return its mean loss and accuracy."""
    loss, correct, done = 0.0, 0, 0
    for number in range(len(batches)):
        context.stop_if_requested()
        features, labels, weights = batches[number]
        result = trainer.step(features, labels, weights)
        loss, correct, done = loss + result.loss * len(labels), correct + result.correct, done + len(labels)
        log.expect_finite(loss, number)
        log.end_batch(number, loss / done, correct / done)
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
    parts = []
    for start in range(0, images, batch_size):
        between()
        parts.append(inputs(np.arange(start, min(start + batch_size, images)), 0))
    return np.concatenate(parts)
