"""The images of a run: three splits, decoded when needed, and the order in which epochs use them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from core.data.cache.decoded_images import DecodedImages
from core.data.cache.run_cache import RunCache
from core.data.datasets.dataset import SPLITS
from core.data.datasets.split import Manifest, ManifestRow
from core.experiment.run_config import RunConfig

InputLoader = Callable[[np.ndarray, int], np.ndarray]
"""(numbers of images, epoch from 0) -> the inputs of the network for these images: pixels or cached features."""


@dataclass(frozen=True)
class Images:
    """The images of one split.

    Args:
        items: their rows of the manifest.
        pixels: (n, size, size, 3) uint8 by their numbers.
        labels: (n,) int32.
    """

    items: tuple[ManifestRow, ...]
    pixels: DecodedImages
    labels: np.ndarray

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """Cache keys of the images, which also determine their augmented copies."""
        return tuple(item.cache_key for item in self.items)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TrainingData:
    """The three splits, and the class name of each label."""

    classes: tuple[str, ...]
    train: Images
    validation: Images
    test: Images


def load_data(manifest: Manifest, root: Path, size: int, run_cache: RunCache | None = None) -> TrainingData:
    """Return the images of a manifest below `root`. Each is decoded when it is first read."""
    number = {name: i for i, name in enumerate(manifest.classes)}

    def images_of(split: str) -> Images:
        items = manifest.in_split(split)
        labels = np.array([number[item.label] for item in items], np.int32)
        return Images(items, DecodedImages(root, items, size, run_cache or RunCache()), labels)

    return TrainingData(manifest.classes, *map(images_of, SPLITS))


Batch = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Inputs, labels and, with class weights, the weights of the images in the loss."""


class EpochBatches:
    """The batches of one split: shuffled anew for each epoch, in the same order for the same seed.

    Args:
        inputs: loads the inputs of the network.
        shuffle_seed: draws a new order for each epoch, which depends only on this seed and the epoch; None keeps the
            order of the split.
        class_weights: the weight of each label in the loss.
    """

    def __init__(
        self,
        inputs: InputLoader,
        labels: np.ndarray,
        batch_size: int,
        shuffle_seed: int | None = None,
        class_weights: Mapping[int, float] | None = None,
    ) -> None:
        self._inputs, self._labels, self._batch_size, self._seed = inputs, labels, batch_size, shuffle_seed
        self._weights = np.array([class_weights[i] for i in sorted(class_weights)]) if class_weights else None
        self._epoch, self._order = 0, np.arange(len(labels))

    def __len__(self) -> int:
        return -(-len(self._labels) // self._batch_size)

    def __getitem__(self, number: int) -> Batch:
        numbers = self._order[number * self._batch_size : (number + 1) * self._batch_size]
        labels = self._labels[numbers]
        return self._inputs(numbers, self._epoch), labels, None if self._weights is None else self._weights[labels]

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of an epoch."""
        self._epoch = epoch
        if self._seed is not None:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._labels))


def training_batches(config: RunConfig, images: Images, inputs: InputLoader) -> EpochBatches:
    """Return the shuffled batches of the training images, with class weights if the run uses them."""
    weights = balanced_class_weights(images.labels) if config.class_weights else None
    return EpochBatches(inputs, images.labels, config.batch_size, config.seed, weights)


def balanced_class_weights(labels: np.ndarray) -> dict[int, float]:
    """Compute class weights inverse to frequency, with mean 1 over the images (King and Zeng 2001)."""
    counts = np.bincount(labels)
    return {i: len(labels) / (len(counts) * count) for i, count in enumerate(counts)}
