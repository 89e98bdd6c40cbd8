"""OpenVINO, faster than ONNX Runtime on most processors, most of all on those with AMX. It need not be installed."""

import importlib
import sys
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from core.learning.network.engines.engine import CORES, Engine, OpenedGraph, share_among_cores


def _open(graph: bytes, precision: str) -> OpenedGraph:
    """Prepare a graph of `to_onnx`; each core computes a stream of batches of its own.

    Args:
        precision: "f32", or "bf16", which is ignored by processors without it.
    """
    openvino = _import_without_telemetry()
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": CORES, "INFERENCE_NUM_THREADS": CORES}
    compiled = core.compile_model(core.read_model(graph), "CPU", settings)
    shapes = [[size.get_length() for size in list(output.partial_shape)[1:]] for output in compiled.outputs]
    queue, lock = openvino.AsyncInferQueue(compiled, CORES), Lock()

    def compute(pixels: np.ndarray, batch_size: int) -> list[np.ndarray]:
        if not len(pixels):
            return [np.zeros((0, *shape), np.float32) for shape in shapes]
        with lock:  # the queue has one list of requests for all threads
            return _run_queue(queue, pixels, share_among_cores(len(pixels), batch_size))

    return compute


def _import_without_telemetry() -> Any:
    """Import OpenVINO, only where it computes. Its telemetry would report every import over the internet."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # OpenVINO does without it
    return importlib.import_module("openvino")


def _run_queue(queue: Any, pixels: np.ndarray, batch_size: int) -> list[np.ndarray]:
    starts = range(0, len(pixels), batch_size)
    outputs: list[list[np.ndarray]] = [[] for _ in starts]
    queue.set_callback(
        lambda request, number: outputs[number].extend(tensor.data.copy() for tensor in request.output_tensors)
    )
    for number, start in enumerate(starts):
        queue.start_async([pixels[start : start + batch_size]], number)
    queue.wait_all()
    return [np.concatenate(features) for features in zip(*outputs, strict=True)]


OPENVINO = Engine("OpenVINO", "openvino", (8, 4), partial(_open, precision="f32"))
OPENVINO_BF16 = Engine("OpenVINO in bfloat16", "openvino", (4,), partial(_open, precision="bf16"))
