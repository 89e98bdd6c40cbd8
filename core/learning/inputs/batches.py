"""Batches of images or features for Keras."""

import keras
import numpy as np

from core.experiment.run_config import RunConfig
from core.learning.inputs.training_data import BatchOrder, Images, InputLoader, class_weights_of


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches of one split: (inputs, labels), or (inputs, labels, image weights) with class weights.

    Args:
        inputs: loads the inputs of the network.
        shuffle_seed: see `BatchOrder`.
        class_weights: the weight of each label in the loss.
    """

    def __init__(
        self,
        inputs: InputLoader,
        labels: np.ndarray,
        batch_size: int,
        shuffle_seed: int | None = None,
        class_weights: np.ndarray | None = None,
    ) -> None:
        super().__init__(workers=1)
        self._inputs, self._labels, self._weights = inputs, labels, class_weights
        self._order = BatchOrder(len(labels), batch_size, shuffle_seed)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        numbers = self._order[number]
        labels = self._labels[numbers]
        batch = self._inputs(numbers, self._order.epoch), labels
        return batch if self._weights is None else (*batch, self._weights[labels])

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of an epoch. The hooks of Keras are not used: it calls them more than once per epoch."""
        self._order.start_epoch(epoch)


def training_batches(config: RunConfig, images: Images, inputs: InputLoader) -> Batches:
    """Return the shuffled batches of the training images, with class weights if the run uses them."""
    return Batches(inputs, images.labels, config.batch_size, config.seed, class_weights_of(config, images))
