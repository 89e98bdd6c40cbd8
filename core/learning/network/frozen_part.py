"""The frozen part of a base as one function: images in, rows at its cuts out."""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from core.learning.network.backbone import rescaled
from core.learning.network.cut_points import POOL, CutPoint
from core.learning.network.onnx_writer import INPUT, to_onnx

FrozenPart = Callable[[np.ndarray], list[np.ndarray]]
"""(n, size, size, 3) uint8 -> for each cut its rows (n, ...) as floats. May be called from any thread."""

_AT_ONCE = 4
"""Images that ONNX Runtime gets in a call. Of more large ones, what one layer says has left the processor's caches
before the next reads it (`benchmarks/forward.py`)."""


def build_frozen_part(base: keras.Model, cuts: Sequence[CutPoint], batch_size: int) -> FrozenPart:
    """The layers of the base below the highest of these cuts, as they are now.

    On a GPU Keras computes them, in batches of `batch_size`; on a CPU ONNX Runtime does, about twice as fast.
    """
    if keras.distribution.list_devices("gpu"):
        return _through_keras(base, cuts, batch_size)
    return run_side_by_side(to_onnx(base, cuts))


def run_side_by_side(graph: bytes) -> FrozenPart:
    """A graph of `to_onnx` as a function in which each core has some of the images for itself.

    For many images that is faster than all cores at work on the same few, as they never wait for each other.
    """
    cores = os.cpu_count() or 1
    predict, pool = _session(graph, threads=1), ThreadPoolExecutor(cores)
    return lambda pixels: _in_parts(predict, pixels, max(1, min(_AT_ONCE, math.ceil(len(pixels) / cores))), pool.map)


def run_onnx(graph: bytes, threads: int = 0, at_once: int = _AT_ONCE) -> FrozenPart:
    """A graph of `to_onnx` as a function, on so many threads; 0 = as many as there are cores."""
    predict = _session(graph, threads)
    return lambda pixels: _in_parts(predict, pixels, at_once, map)


def _session(graph: bytes, threads: int) -> FrozenPart:
    import onnxruntime  # only where it computes

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are for what trains meanwhile
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {INPUT: pixels})


def _in_parts(predict: FrozenPart, pixels: np.ndarray, size: int, over: Callable[..., Iterable]) -> list[np.ndarray]:
    """Rows of all images, so many at once; `over` is `map` or one of its kind."""
    starts = range(0, max(1, len(pixels)), size)  # no images are one part: they give no rows, of their shape
    parts = over(lambda start: predict(pixels[start : start + size]), starts)
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _through_keras(base: keras.Model, cuts: Sequence[CutPoint], batch_size: int) -> FrozenPart:
    model = keras.Model(base.input, [_tensor(base, cut) for cut in cuts])

    def compute(pixels: np.ndarray) -> list[np.ndarray]:
        filled = np.zeros((-(-len(pixels) // batch_size) * batch_size, *pixels.shape[1:]), np.float32)
        filled[: len(pixels)] = rescaled(pixels)  # one shape: Keras would trace a model anew for each
        parts = [
            _as_list(model.predict_on_batch(filled[start : start + batch_size]))
            for start in range(0, len(filled), batch_size)
        ]
        return [np.concatenate(part)[: len(pixels)] for part in zip(*parts, strict=True)]

    return compute


def _tensor(base: keras.Model, cut: CutPoint) -> keras.KerasTensor:
    output = base.layers[cut.below - 1].output
    return keras.layers.GlobalAveragePooling2D()(output) if cut.name == POOL else output


def _as_list(rows: np.ndarray | list[np.ndarray]) -> list[np.ndarray]:
    return rows if isinstance(rows, list) else [rows]
