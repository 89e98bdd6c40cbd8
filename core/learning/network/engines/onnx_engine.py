"""ONNX Runtime, the engine of every CPU: the others are compared with it."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from core.learning.network.engines.engine import (
    CORES,
    Engine,
    FrozenPart,
    OpenedGraph,
    share_among_cores,
    with_batch_size,
)
from core.learning.network.onnx_writer import INPUT

_Map = Callable[[Callable[[int], list[np.ndarray]], Iterable[int]], Iterable[list[np.ndarray]]]
"""`map`, or the same of a thread pool."""

_BATCH = 4
"""Images per call of ONNX Runtime. With more large images, the output of a layer has left the processor's caches before
the next layer reads it (`benchmarks/forward.py`)."""


def run_in_parallel(graph: bytes) -> FrozenPart:
    """Run a graph of `to_onnx` with one thread per core, each on different images.

    For many images this is faster than all cores working on the same few: they never wait for each other.
    """
    return with_batch_size(_open_in_parallel(graph), _BATCH)


def run_onnx(graph: bytes, threads: int = 0, batch_size: int = _BATCH) -> FrozenPart:
    """Run a graph of `to_onnx` batch by batch with this number of threads; 0 = one per core."""
    predict = _open_session(graph, threads)
    return lambda pixels: _run_in_batches(predict, pixels, batch_size, map)


def _open_in_parallel(graph: bytes) -> OpenedGraph:
    predict, pool = _open_session(graph, threads=1), ThreadPoolExecutor(CORES)
    return lambda pixels, batch_size: _run_in_batches(
        predict, pixels, share_among_cores(len(pixels), batch_size), pool.map
    )


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


ONNX_RUNTIME = Engine("ONNX Runtime", "onnxruntime", (_BATCH,), _open_in_parallel)
