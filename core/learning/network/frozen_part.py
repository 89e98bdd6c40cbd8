"""Compute the frozen part of a base: images in, features at its cut points out."""

import logging
import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import keras
import numpy as np

from core.backbones.backbone import PixelScaling
from core.learning.network.accelerator import has_gpu
from core.learning.network.base import scale_pixels
from core.learning.network.cut_points import POOL, CutPoint
from core.learning.network.onnx_writer import INPUT, UnknownLayer, to_onnx

_LOG = logging.getLogger(__name__)

FrozenPart = Callable[[np.ndarray], list[np.ndarray]]
"""(n, size, size, 3) uint8 -> the features (n, ...) at each cut point, as floats. Thread-safe."""

_Map = Callable[[Callable[[int], list[np.ndarray]], Iterable[int]], Iterable[list[np.ndarray]]]
"""`map`, or the same of a thread pool."""

_ONNX_BATCH = 4
"""Images per call of ONNX Runtime. With more large images, the output of a layer has left the processor's caches before
the next layer reads it (`benchmarks/forward.py`)."""


def build_frozen_part(
    base: keras.Model, cut_points: Sequence[CutPoint], batch_size: int, scaling: PixelScaling
) -> FrozenPart:
    """Build a function from the layers below the highest of these cut points, with their current weights.

    On a GPU, Keras computes them in batches of `batch_size`; on a CPU, ONNX Runtime does, about twice as fast. Layers
    that cannot be written for ONNX Runtime are computed by Keras everywhere; a warning reports it once per process.
    """
    if not has_gpu():
        try:
            return run_in_parallel(to_onnx(base, cut_points, scaling))
        except UnknownLayer as error:
            warn_of_unknown_layer(str(error))
    return _run_keras(base, cut_points, batch_size, scaling)


@cache
def warn_of_unknown_layer(reason: str) -> None:
    """Log once that Keras computes a network that ONNX Runtime cannot."""
    _LOG.warning("Keras computes this network instead of ONNX Runtime, which is slower: %s", reason)


def run_in_parallel(graph: bytes) -> FrozenPart:
    """Run a graph of `to_onnx` with one thread per core, each on different images.

    For many images this is faster than all cores working on the same few: they never wait for each other.
    """
    cores = os.cpu_count() or 1
    predict, pool = _open_session(graph, threads=1), ThreadPoolExecutor(cores)
    return lambda pixels: _run_in_batches(
        predict, pixels, max(1, min(_ONNX_BATCH, math.ceil(len(pixels) / cores))), pool.map
    )


def run_onnx(graph: bytes, threads: int = 0, batch_size: int = _ONNX_BATCH) -> FrozenPart:
    """Run a graph of `to_onnx` batch by batch with this number of threads; 0 = one per core."""
    predict = _open_session(graph, threads)
    return lambda pixels: _run_in_batches(predict, pixels, batch_size, map)


def _open_session(graph: bytes, threads: int) -> FrozenPart:
    import onnxruntime  # only where it computes

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads leave cores to training
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {INPUT: pixels})


def _run_in_batches(predict: FrozenPart, pixels: np.ndarray, batch_size: int, map_batches: _Map) -> list[np.ndarray]:
    starts = range(0, max(1, len(pixels)), batch_size)  # no images make one empty batch, which gives the right shape
    batches = map_batches(lambda start: predict(pixels[start : start + batch_size]), starts)
    return [np.concatenate(features) for features in zip(*batches, strict=True)]


def _run_keras(base: keras.Model, cut_points: Sequence[CutPoint], batch_size: int, scaling: PixelScaling) -> FrozenPart:
    model = keras.Model(base.input, [_tensor_at(base, cut_point) for cut_point in cut_points])

    def compute(pixels: np.ndarray) -> list[np.ndarray]:
        # one batch shape: Keras would trace the model again for each other
        padded = np.zeros((-(-len(pixels) // batch_size) * batch_size, *pixels.shape[1:]), np.float32)
        padded[: len(pixels)] = scale_pixels(pixels, scaling)
        batches = [
            _as_list(model.predict_on_batch(padded[start : start + batch_size]))
            for start in range(0, len(padded), batch_size)
        ]
        return [np.concatenate(features)[: len(pixels)] for features in zip(*batches, strict=True)]

    return compute


def _tensor_at(base: keras.Model, cut_point: CutPoint) -> keras.KerasTensor:
    output = base.layers[cut_point.layers_below - 1].output
    return keras.layers.GlobalAveragePooling2D()(output) if cut_point.name == POOL else output


def _as_list(features: np.ndarray | list[np.ndarray]) -> list[np.ndarray]:
    return features if isinstance(features, list) else [features]
