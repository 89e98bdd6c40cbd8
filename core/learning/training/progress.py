"""What a training needs, and how far it has come: shared by phases of the head and phases that Keras trains."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import best_key
from core.experiment.runs.run import Row
from core.experiment.strategy import Phase
from core.learning.head.adam import Arrays
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.training_data import TrainingData
from core.learning.network.run_network import RunNetwork
from core.learning.training.checkpoint import Checkpoint, Checkpoints
from core.learning.training.phase_log import Emit

CHECKPOINT_SECONDS = 1.0
"""Least time between two checkpoints: a killed run loses at most this time and the epoch that was training."""


@dataclass(frozen=True)
class Context:
    """What the phases of a training share."""

    config: RunConfig
    network: RunNetwork
    data: TrainingData
    frozen_features: FrozenFeatures
    emit: Emit
    should_stop: Callable[[], bool]

    def stop_if_requested(self) -> None:
        """Raise `KeyboardInterrupt` if a stop was requested."""
        if self.should_stop():
            raise KeyboardInterrupt


class Progress:
    """The epochs of a training so far, and the weights after the last one and after the best one.

    Weights are those of the head alone until a phase opens layers of the base; from then on all that the run can change
    (`core.learning.training.keras_phase.changeable_weights`). In both, those of the head are the last ones.
    """

    def __init__(self, patience: int, emit: Emit, checkpoints: Checkpoints | None, start: Checkpoint | None) -> None:
        self._patience, self._emit, self._checkpoints = patience, emit, checkpoints
        self.rows: list[Row] = list(start.rows) if start else []
        self.weights: Arrays = start.weights if start else ()
        self.best: Arrays = start.best if start else ()
        self.optimizer: Arrays = start.optimizer if start else ()
        self._saved_epochs, self._saved_at = len(self.rows), -CHECKPOINT_SECONDS

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return float(sum(row["seconds"] for row in self.rows))

    def finish_epoch(self, row: Row, weights: Arrays, optimizer: Arrays) -> None:
        """Record an epoch: the checkpoint, if it is time for one, before the row. The arrays must not change later."""
        if not self.rows or best_key(row) > max(map(best_key, self.rows)):
            self.best = weights
        self.rows.append(row)
        self.weights, self.optimizer = weights, optimizer
        if time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            self.save()
        self._emit(row)

    def save(self) -> None:
        """Write a checkpoint if there are epochs since the last one. Raises `OSError`."""
        if self._checkpoints and len(self.rows) > self._saved_epochs:
            self._checkpoints.save(Checkpoint(tuple(self.rows), self.weights, self.optimizer, self.best))
            self._saved_epochs, self._saved_at = len(self.rows), time.monotonic()

    def epochs_left(self, number: int, phase: Phase) -> int:
        """Number of epochs that phase number `number` (from 1) still has to train."""
        is_past = any(row["phase"] > number for row in self.rows)
        if is_past or self.is_out_of_patience(number):
            return 0
        done: int = sum(row["phase"] == number for row in self.rows)
        return phase.epochs - done

    def is_out_of_patience(self, number: int) -> bool:
        """Early stopping: return True if the validation loss of the phase has not improved for `patience` epochs."""
        losses = [row["val_loss"] for row in self.rows if row["phase"] == number]
        return bool(self._patience and losses) and len(losses) - 1 - int(np.argmin(losses)) >= self._patience
