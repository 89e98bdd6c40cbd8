"""From a manifest to batches: shuffled by epoch, the same order for the same seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from core.data.cache.decoded_images import DecodedImages
from core.data.cache.run_cache import RunCache
from core.data.datasets.split import SPLITS, Manifest, ManifestRow

Rows = Callable[[np.ndarray, int], np.ndarray]
"""(numbers of images, epoch from 0) -> what the model is fed for each."""


@dataclass(frozen=True)
class Images:
    """One split: its items, pixels (n, size, size, 3) uint8 by their numbers, labels (n,) int32, hashes."""

    items: tuple[ManifestRow, ...]
    pixels: DecodedImages
    labels: np.ndarray

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        return tuple(item.hash for item in self.items)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TrainingData:
    """The three splits and what the labels mean."""

    classes: tuple[str, ...]
    train: Images
    validation: Images
    test: Images


def load_data(manifest: Manifest, root: Path, size: int, run_cache: RunCache | None = None) -> TrainingData:
    """The images of a manifest below `root`, each decoded when it is first asked for."""
    number = {name: i for i, name in enumerate(manifest.classes)}

    def images_of(split: str) -> Images:
        items = manifest.of(split)
        labels = np.array([number[item.label] for item in items], np.int32)
        return Images(items, DecodedImages(root, items, size, run_cache or RunCache()), labels)

    return TrainingData(manifest.classes, *map(images_of, SPLITS))


class Batches(keras.utils.PyDataset):
    """(rows, labels) batches of one split.

    Args:
        rows: gives what the model is fed.
        shuffle_seed: draws a new order for each epoch, a function of seed and epoch alone; None keeps the order.
    """

    def __init__(
        self,
        rows: Rows,
        labels: np.ndarray,
        batch_size: int,
        shuffle_seed: int | None = None,
        class_weights: Mapping[int, float] | None = None,
    ) -> None:
        super().__init__(workers=1)
        self._rows, self._labels, self._batch_size, self._seed = rows, labels, batch_size, shuffle_seed
        self._weights = np.array([class_weights[i] for i in sorted(class_weights)]) if class_weights else None
        self._epoch, self._order = 0, np.arange(len(labels))

    def __len__(self) -> int:
        return -(-len(self._labels) // self._batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        numbers = self._order[number * self._batch_size : (number + 1) * self._batch_size]
        labels = self._labels[numbers]
        batch = self._rows(numbers, self._epoch), labels
        return batch if self._weights is None else (*batch, self._weights[labels])

    def begin(self, epoch: int) -> None:
        """Draw the order of an epoch. Keras' own hooks will not do: it calls them more often than epochs end."""
        self._epoch = epoch
        if self._seed is not None:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._labels))


def balanced_weights(labels: np.ndarray) -> dict[int, float]:
    """Class weights inverse to frequency, with mean 1 over the images (King and Zeng 2001)."""
    counts = np.bincount(labels)
    return {i: len(labels) / (len(counts) * count) for i, count in enumerate(counts)}
