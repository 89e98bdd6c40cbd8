"""Batches of images or features for Keras."""

import keras
import numpy as np

from core.learning.inputs.training_data import EpochBatches, InputLoader


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The batches of `EpochBatches` in the form that `fit` takes."""

    def __init__(self, batches: EpochBatches) -> None:
        super().__init__(workers=1)
        self._batches = batches

    @classmethod
    def of(cls, inputs: InputLoader, labels: np.ndarray, batch_size: int, shuffle_seed: int | None = None) -> "Batches":
        """The batches of a split without class weights."""
        return cls(EpochBatches(inputs, labels, batch_size, shuffle_seed))

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        inputs, labels, weights = self._batches[number]
        return (inputs, labels) if weights is None else (inputs, labels, weights)

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of an epoch. The hooks of Keras are not used: it calls them more than once per epoch."""
        self._batches.start_epoch(epoch)
