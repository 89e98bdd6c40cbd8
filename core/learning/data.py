"""From a manifest to batches: decoded once, shuffled by epoch, the same order for the same seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from core.data.images import Progress, decode_all
from core.data.split import Item, Manifest


@dataclass(frozen=True)
class Images:
    """One split, decoded: pixels (n, size, size, 3) uint8, labels (n,) int32."""

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TrainingData:
    """The three splits and what the labels mean."""

    classes: tuple[str, ...]
    train: Images
    validation: Images
    test: Images
    test_items: tuple[Item, ...]


def load_data(manifest: Manifest, root: Path, size: int, progress: Progress | None = None) -> TrainingData:
    """Decode every picture of a manifest once. Raises `UnreadableImage` naming a file that changed since the scan."""
    pixels = decode_all([root / item.path for item in manifest.items], size, progress)
    number = {name: i for i, name in enumerate(manifest.classes)}
    labels = np.array([number[item.label] for item in manifest.items], np.int32)
    places = {split: np.array([i for i, item in enumerate(manifest.items) if item.split == split])
              for split in ("train", "validation", "test")}
    splits = {split: Images(_Rows(pixels, rows), labels[rows]) for split, rows in places.items()}
    return TrainingData(manifest.classes, **splits, test_items=manifest.of("test"))


class _Rows:
    """Some rows of a larger array, read when they are asked for."""

    def __init__(self, array: np.ndarray, rows: np.ndarray) -> None:
        self._array, self._rows = array, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        return self._array[self._rows[index]]


class Batches(keras.utils.PyDataset):
    """(pixels, labels) batches of one split.

    Args:
        shuffle_seed: draws a new order for each epoch, a function of seed and epoch alone; None keeps the order.
    """

    def __init__(self, images: Images, batch_size: int, shuffle_seed: int | None = None,
                 class_weights: Mapping[int, float] | None = None) -> None:
        super().__init__(workers=1)
        self._images, self._batch_size, self._seed = images, batch_size, shuffle_seed
        self._weights = np.array([class_weights[i] for i in sorted(class_weights)]) if class_weights else None
        self._order = np.arange(len(images))

    def __len__(self) -> int:
        return -(-len(self._images) // self._batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        rows = self._order[number * self._batch_size:(number + 1) * self._batch_size]
        labels = self._images.labels[rows]
        batch = self._images.pixels[rows], labels
        return batch if self._weights is None else (*batch, self._weights[labels])

    def begin(self, epoch: int) -> None:
        """Draw the order of an epoch. Keras' own hooks will not do: it calls them more often than epochs end."""
        if self._seed is not None:
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._images))


def balanced_weights(labels: np.ndarray) -> dict[int, float]:
    """Class weights inverse to frequency, with mean 1 over the images (King and Zeng 2001)."""
    counts = np.bincount(labels)
    return {i: len(labels) / (len(counts) * count) for i, count in enumerate(counts)}
