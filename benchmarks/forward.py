"""How fast a frozen network can be computed on this machine's CPU: `python benchmarks/forward.py [--weights FILE]`.

MobileNetV2 from images to pooled features, by each way in a process of its own, all ways in turn and that several
times, so that what else the machine does meets them alike; images a second of processor time are told beside those a
second, as other programs change them less. OpenVINO is measured where it is installed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.support.common import PROJECT, Figure, machine, print_table

Forward = Callable[[np.ndarray], np.ndarray]

SECONDS = 4.0
RATES = "images/s", "images a second of processor time"
KERAS, ONNX, SIDE_BY_SIDE, OPENVINO = "keras", "onnx", "side by side", "openvino"
WAYS = {
    "TensorFlow, batches of 32": (KERAS, 32, 0, {}),
    "TensorFlow, batches of 8": (KERAS, 8, 0, {}),
    "TensorFlow, batches of 128": (KERAS, 128, 0, {}),
    "TensorFlow without oneDNN": (KERAS, 32, 0, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    "TensorFlow, one thread": (KERAS, 32, 1, {}),
    "ONNX Runtime, batches of 32": (ONNX, 32, 0, {}),
    "ONNX Runtime, batches of 2": (ONNX, 2, 0, {}),
    "ONNX Runtime, batches of 4": (ONNX, 4, 0, {}),
    "ONNX Runtime, batches of 8": (ONNX, 8, 0, {}),
    "ONNX Runtime, batches of 128": (ONNX, 128, 0, {}),
    "ONNX Runtime, one thread": (ONNX, 32, 1, {}),
    "ONNX Runtime, 32 images, each core its own four": (SIDE_BY_SIDE, 32, 0, {}),
    "OpenVINO, batches of 32": (OPENVINO, 32, 0, {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", default="random")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(_measure(arguments, *WAYS[arguments.way][:3])))
        return
    print(*machine(), "", f"Each way: {'; '.join(RATES)}, each with its ratio to the first way.", "", sep="\n")
    print_table(_figures(arguments))


def _figures(arguments: argparse.Namespace) -> Iterator[Figure]:
    ways = [way for way, (runtime, *_) in WAYS.items() if runtime != OPENVINO or find_spec("openvino")]
    found = {way: [] for way in ways}
    for _ in range(arguments.rounds):
        for way in ways:
            found[way].append(_in_own_process(way))
    first = next(iter(found))
    for way, measured in found.items():
        told = [f"{median(one[by] for one in measured):.0f} ({_ratio(by, measured, found[first])})" for by in RATES]
        yield Figure(way, "   ".join([*told, f"difference {measured[0]['difference']:.0e}"]))


def _ratio(by: str, measured: Sequence[dict[str, float]], baseline: Sequence[dict[str, float]]) -> str:
    ratios = [one[by] / other[by] for one, other in zip(measured, baseline, strict=True)]
    return f"{median(ratios):.2f}x, {min(ratios):.2f} to {max(ratios):.2f}"


def _in_own_process(way: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--way", way],
        cwd=PROJECT,
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", **WAYS[way][3]},
    )
    return json.loads(done.stdout.splitlines()[-1])


def _measure(arguments: argparse.Namespace, runtime: str, batch: int, threads: int) -> dict[str, float]:
    """Images a second, and the largest difference from Keras' features relative to their mean size."""
    import keras

    from core.learning.network.backbone import build_base
    from core.learning.network.cut_points import cut_point_for
    from core.learning.network.onnx_writer import to_onnx

    keras.utils.set_random_seed(0)
    if threads and runtime == KERAS:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    base = build_base(arguments.alpha, arguments.image_size, arguments.weights)
    reference = _keras(base)
    engines = {ONNX: _onnx, SIDE_BY_SIDE: _side_by_side, OPENVINO: _openvino}
    forward = (
        reference if runtime == KERAS else engines[runtime](to_onnx(base, [cut_point_for(base, 0)]), threads, batch)
    )
    pixels = np.random.default_rng(0).integers(0, 256, (batch, arguments.image_size, arguments.image_size, 3), np.uint8)
    wanted, got = reference(pixels), forward(pixels)
    return {**_rates(forward, pixels), "difference": float(np.abs(got - wanted).max() / np.abs(wanted).mean())}


def _rates(forward: Forward, pixels: np.ndarray) -> dict[str, float]:
    began, used, images = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < SECONDS:
        forward(pixels)
        images += len(pixels)
    took = time.perf_counter() - began, time.process_time() - used
    return {by: images / seconds for by, seconds in zip(RATES, took, strict=True)}


def _keras(base: "keras.Model") -> Forward:  # noqa: F821 - imported only where it computes
    import keras

    from core.learning.network.backbone import rescaled

    model = keras.Model(base.input, keras.layers.GlobalAveragePooling2D()(base.output))
    return lambda pixels: model.predict_on_batch(rescaled(pixels))


def _onnx(graph: bytes, threads: int, batch: int) -> Forward:
    from core.learning.network.frozen_part import run_onnx

    run = run_onnx(graph, threads, batch)
    return lambda pixels: run(pixels)[0]


def _side_by_side(graph: bytes, threads: int, batch: int) -> Forward:
    from core.learning.network.frozen_part import run_side_by_side

    run = run_side_by_side(graph)
    return lambda pixels: run(pixels)[0]


def _openvino(graph: bytes, threads: int, batch: int) -> Forward:
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(graph), "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    )
    return lambda pixels: compiled(pixels)[0]


if __name__ == "__main__":
    main()
