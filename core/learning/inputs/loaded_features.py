"""Features in memory: each is loaded once, then read from an array."""

import threading
import weakref

import numpy as np

from core.learning.inputs.training_data import InputLoader

MAX_BYTES = 400 * 10**6
"""The most memory for features in a process; beyond it they are read from the feature cache each time."""

_used_bytes = 0
_LOCK = threading.Lock()


def keep_in_memory(inputs: InputLoader, images: int, channels: int, copies: int) -> InputLoader:
    """Return a loader that loads each feature vector once, if there is room for all in memory.

    Args:
        inputs: returns (n, channels) features.
        images: number of images.
        copies: epochs i and i + copies use the same features; 0 = no two epochs do, so nothing is kept.
    """
    if copies == 0 or not _reserve(size := 4 * images * channels * copies):
        return inputs
    tables: dict[int, np.ndarray] = {}
    loaded = np.zeros((copies, images), bool)

    def load(numbers: np.ndarray, epoch: int) -> np.ndarray:
        copy = epoch % copies
        missing = numbers[~loaded[copy, numbers]]
        if len(missing):
            features = inputs(missing, epoch)
            table = tables.setdefault(copy, np.zeros((images, channels), features.dtype))
            table[missing], loaded[copy, missing] = features, True
        selected: np.ndarray = tables[copy][numbers]
        return selected

    weakref.finalize(load, _release, size)
    return load


def _reserve(size: int) -> bool:
    global _used_bytes
    with _LOCK:
        if _used_bytes + size > MAX_BYTES:
            return False
        _used_bytes += size
        return True


def _release(size: int) -> None:
    global _used_bytes
    with _LOCK:
        _used_bytes -= size
