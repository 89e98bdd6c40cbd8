"""What an engine is: a library that computes a graph of the frozen part on the processor."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import numpy as np

FrozenPart = Callable[[np.ndarray], list[np.ndarray]]
"""(n, size, size, 3) uint8 -> the features (n, ...) at each cut point, as floats. Thread-safe."""

OpenedGraph = Callable[[np.ndarray, int], list[np.ndarray]]
"""The same with the largest number of images per call of the library as second argument."""

CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Engine:
    """A library with its settings.

    Args:
        name: for logs, and to recognise a probed engine.
        package: the Python package that it needs.
        batch_sizes: numbers of images per call that the probe tries; the first is used without a probe.
        open: prepares a graph of `to_onnx`. Raises errors of any type.
    """

    name: str
    package: str
    batch_sizes: tuple[int, ...]
    open: Callable[[bytes], OpenedGraph]

    @property
    def is_installed(self) -> bool:
        return find_spec(self.package) is not None

    @property
    def version(self) -> str:
        """Version of the package; "" if it is unknown."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""


def share_among_cores(images: int, batch_size: int) -> int:
    """Return the number of images per call: at most `batch_size`, and so few that every core has some."""
    return max(1, min(batch_size, math.ceil(images / CORES)))


def with_batch_size(opened: OpenedGraph, batch_size: int) -> FrozenPart:
    """The opened graph with this number of images per call."""
    return lambda pixels: opened(pixels, batch_size)
