"""The metrics of one phase as rows: a few step rows per second, and one row per epoch."""

import math
import time
from collections.abc import Callable
from typing import SupportsFloat

from core.experiment.runs.errors import Diverged
from core.experiment.runs.run import Row
from core.experiment.strategy import Phase

STEP_ROW_SECONDS = 0.25
"""Least time between two step rows: often enough for live curves, seldom enough for small files."""

Emit = Callable[[Row], None]


class PhaseLog:
    """Makes the rows of a phase, and raises `Diverged` at a loss that is not finite.

    Args:
        number: of the phase, from 1.
        images: number of training images.
        batch_size: images per batch.
        earlier_seconds: of training before this phase.
        emit: receives the step rows.
    """

    def __init__(
        self, number: int, phase: Phase, images: int, batch_size: int, earlier_seconds: float, emit: Emit
    ) -> None:
        self._number, self._phase, self._images, self._batch_size = number, phase, images, batch_size
        self._steps = -(-images // batch_size)
        self._earlier_seconds, self._emit = earlier_seconds, emit

    def start_epoch(self, epoch: int) -> None:
        """Start the clock of an epoch, counted from 0."""
        self._epoch, self._began, self._images_before = epoch, time.perf_counter(), 0
        self._emitted = self._began

    def end_batch(self, batch: int, loss: SupportsFloat, accuracy: SupportsFloat) -> None:
        """Emit a step row if it is time for one. The loss and the accuracy are means over the epoch so far.

        They are read only then: on a GPU, reading them waits for the computation.
        """
        now = time.perf_counter()
        if now - self._emitted < STEP_ROW_SECONDS and batch + 1 < self._steps:
            return
        self.expect_finite(float(loss), batch)
        images = min((batch + 1) * self._batch_size, self._images)
        self._emit(
            {
                "kind": "step",
                "step": self._epoch * self._steps + batch + 1,
                "epoch": self._epoch + 1,
                "phase": self._number,
                "done": (batch + 1) / self._steps,
                "loss": float(loss),
                "accuracy": float(accuracy),
                "elapsed": round(self._earlier_seconds + now - self._began, 3),
                "images_per_second": round((images - self._images_before) / max(now - self._emitted, 1e-9), 1),
            }
        )
        self._emitted, self._images_before = now, images

    def expect_finite(self, loss: float, batch: int) -> None:
        """Raise `Diverged` unless the loss of this batch of the epoch, from 0, is finite."""
        if not math.isfinite(loss):
            raise Diverged(self._epoch * self._steps + batch + 1, self._phase.learning_rate)

    def end_epoch(self, trainable_parameters: int, **values: float) -> Row:
        """Return the row of the epoch. `values`: loss, accuracy, val_loss and val_accuracy."""
        for name in ("loss", "val_loss"):
            self.expect_finite(values[name], self._steps - 1)
        seconds = time.perf_counter() - self._began
        self._earlier_seconds += seconds
        return {
            "kind": "epoch",
            "epoch": self._epoch + 1,
            "phase": self._number,
            "unfreeze": self._phase.unfreeze,
            "learning_rate": self._phase.learning_rate,
            **values,
            "seconds": round(seconds, 3),
            "elapsed": round(self._earlier_seconds, 3),
            "trainable_parameters": trainable_parameters,
            "images_per_second": round(self._images / seconds, 1),
        }
