"""Compute the frozen part of a base: images in, features at its cut points out."""

import logging
import math
from collections.abc import Callable, Sequence
from functools import cache
from threading import Event, Lock

import keras
import numpy as np

from core.backbones.backbone import PixelScaling
from core.learning.network.accelerator import has_gpu
from core.learning.network.cut_points import CutPoint
from core.learning.network.engines.engine import Engine, FrozenPart, OpenedGraph, with_batch_size
from core.learning.network.engines.keras_engine import run_keras
from core.learning.network.engines.onnx_engine import ONNX_RUNTIME, run_in_parallel
from core.learning.network.engines.probe import find_fastest
from core.learning.network.engines.probe_store import ProbeStore
from core.learning.network.onnx_writer import UnknownLayer, to_onnx

_LOG = logging.getLogger(__name__)

FEW_IMAGES = 256
"""So many images are computed at once: finding and opening a faster engine takes as long as some of them."""


def build_frozen_part(
    base: keras.Model,
    cut_points: Sequence[CutPoint],
    batch_size: int,
    scaling: PixelScaling,
    few_images: float = FEW_IMAGES,
) -> FrozenPart:
    """Build a function from the layers below the highest of these cut points, with their current weights.

    On a GPU, Keras computes them in batches of `batch_size`. On a CPU, ONNX Runtime computes the first `few_images`,
    and the fastest engine of this machine all further ones (infinity: none). Layers that cannot be written for these
    engines are computed by Keras everywhere; a warning reports it once per process.
    """
    keras_part = cache(lambda: run_keras(base, cut_points, batch_size, scaling))
    if has_gpu():
        return keras_part()
    try:
        graph = to_onnx(base, cut_points, scaling)
        first = ONNX_RUNTIME.open(graph)
    except UnknownLayer as error:
        warn_of_unknown_layer(str(error))
        return keras_part()
    except Exception as error:  # onnxruntime raises errors of many types
        _LOG.warning("Keras computes the frozen layers, because ONNX Runtime cannot: %s", error)
        return keras_part()
    if math.isinf(few_images):
        return _with_fallback(lambda: with_batch_size(first, ONNX_RUNTIME.batch_sizes[0]), keras_part)
    size = base.input_shape[1]
    return _FastestPart(
        first,
        lambda opened: find_fastest(graph, size, opened, ProbeStore()),
        lambda: _with_fallback(lambda: run_in_parallel(graph), keras_part),
        few_images,
    )


def build_with(engine: Engine, base: keras.Model, cut_points: Sequence[CutPoint], scaling: PixelScaling) -> FrozenPart:
    """Build the same function with this engine alone. Raises `UnknownLayer`, and the engine's errors of any type."""
    return with_batch_size(engine.open(to_onnx(base, cut_points, scaling)), engine.batch_sizes[0])


def prefer(
    engine: Engine, base: keras.Model, cut_points: Sequence[CutPoint], batch_size: int, scaling: PixelScaling
) -> FrozenPart:
    """Build the same function with this engine, or as `build_frozen_part` does if the engine fails."""
    return _with_fallback(
        lambda: build_with(engine, base, cut_points, scaling),
        lambda: build_frozen_part(base, cut_points, batch_size, scaling),
    )


@cache
def warn_of_unknown_layer(reason: str) -> None:
    """Log once that Keras computes a network that ONNX Runtime cannot."""
    _LOG.warning("Keras computes this network instead of ONNX Runtime, which is slower: %s", reason)


def _with_fallback(build: Callable[[], FrozenPart], fallback: Callable[[], FrozenPart]) -> FrozenPart:
    """The function that `build` returns; from its first error on, which is logged, that of `fallback`."""
    preferred, other, has_failed = cache(build), cache(fallback), Event()

    def compute(pixels: np.ndarray) -> list[np.ndarray]:
        if not has_failed.is_set():
            try:
                return preferred()(pixels)
            except Exception as error:  # libraries raise errors of any type
                _LOG.warning("Another engine computes the frozen layers from now on: %s", error)
                has_failed.set()
        return other()(pixels)

    return compute


class _FastestPart:
    """Computes the first images with ONNX Runtime, then finds the fastest engine for the others.

    Args:
        first: the graph as ONNX Runtime has opened it. It is released when another engine is found, for its memory.
        find: returns the fastest engine.
        reopen: what computes if an engine fails.
    """

    def __init__(
        self,
        first: OpenedGraph,
        find: Callable[[OpenedGraph], FrozenPart],
        reopen: Callable[[], FrozenPart],
        few_images: float,
    ) -> None:
        self._first: OpenedGraph | None = first
        self._find, self._reopen, self._few_images = find, reopen, few_images
        self._part = self._with_fallback(with_batch_size(first, ONNX_RUNTIME.batch_sizes[0]))
        self._seen, self._lock = 0, Lock()

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        with self._lock:  # one thread searches, the others wait
            if self._first and self._seen >= self._few_images:
                self._part, self._first = self._with_fallback(self._find(self._first)), None
            self._seen += len(pixels)
            part = self._part
        return part(pixels)

    def _with_fallback(self, part: FrozenPart) -> FrozenPart:
        return _with_fallback(lambda: part, self._reopen)
