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


class BatchOrder:
    """Which images each batch of an epoch holds: shuffled anew for each epoch, in the same order for the same seed.

    Args:
        images: number of images.
        shuffle_seed: draws a new order for each epoch, which depends only on this seed and the epoch; None keeps the
            order of the split.
    """

    def __init__(self, images: int, batch_size: int, shuffle_seed: int | None = None) -> None:
        self._images, self._batch_size, self._seed = images, batch_size, shuffle_seed
        self.epoch, self._order = 0, np.arange(images)

    def __len__(self) -> int:
        return -(-self._images // self._batch_size)

    def __getitem__(self, batch: int) -> np.ndarray:
        return self._order[batch * self._batch_size : (batch + 1) * self._batch_size]

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of an epoch."""
        self.epoch = epoch
        if self._seed is not None:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(self._images)


def class_weights_of(config: RunConfig, images: Images) -> np.ndarray | None:
    """Return the weight of each image's class in the loss, by class, if the run uses class weights."""
    weights = balanced_class_weights(images.labels) if config.class_weights else None
    return np.array([weights[i] for i in sorted(weights)]) if weights else None


def balanced_class_weights(labels: np.ndarray) -> Mapping[int, float]:
    """Compute class weights inverse to frequency, with mean 1 over the images (King and Zeng 2001)."""
    counts = np.bincount(labels)
    return {i: len(labels) / (len(counts) * count) for i, count in enumerate(counts)}
