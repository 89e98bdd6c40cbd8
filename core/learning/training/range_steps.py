"""Single training steps at any learning rate, for the range test: of the head in NumPy, of other layers in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase
from core.learning.head.trainer import HeadTrainer
from core.learning.inputs.training_data import Batch
from core.learning.network.cut_points import CutPoint
from core.learning.network.run_network import RunNetwork

if TYPE_CHECKING:
    import keras


class Steps(Protocol):
    """A part of a network with its optimizer."""

    def step(self, batch: Batch, rate: float, step: int) -> float:
        """Train one batch at this rate, with the dropout of step number `step`; return its loss before the update."""

    def reset_optimizer(self) -> None:
        """Reset the moments and the step counter of the optimizer."""

    def finish(self) -> None:
        """Write the trained weights to the network."""


class HeadSteps:
    """The head of a network."""

    def __init__(self, network: RunNetwork, config: RunConfig) -> None:
        self._network = network
        self._trainer = HeadTrainer(network.head, 0.0, config.seed, config.dropout)

    def step(self, batch: Batch, rate: float, step: int) -> float:
        features, labels, weights = batch
        self._trainer.optimizer.learning_rate = rate
        self._trainer.start_epoch(step)
        return self._trainer.step(features, labels, weights).loss

    def reset_optimizer(self) -> None:
        self._trainer.optimizer.reset()

    def finish(self) -> None:
        self._network.head = self._trainer.head


class KerasSteps:
    """The part of a model above a cut point, compiled for a phase."""

    def __init__(self, model: keras.Model, phase: Phase, cut_point: CutPoint | None, seed: int) -> None:
        from core.learning.training.keras_phase import compile_phase, reseed

        self._part, self._reseed, self._seed = compile_phase(model, phase, cut_point), reseed, seed

    def step(self, batch: Batch, rate: float, step: int) -> float:
        self._reseed(self._part, self._seed, step)
        self._part.optimizer.learning_rate = rate
        self._part.reset_metrics()  # otherwise Keras returns the mean of all batches so far
        return float(self._part.train_on_batch(*batch)[0])

    def reset_optimizer(self) -> None:
        for variable in self._part.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def finish(self) -> None:
        return  # the part shares its weights with the model
