"""Inference speed of a frozen network on this machine's CPU: `python benchmarks/forward.py [--weights FILE]`.

Computes pooled features of MobileNetV2 with several engines and batch sizes, each in a separate process, all in turn
for several rounds, so that other programs affect them equally. Reports images per second and per second of processor
time, which other programs affect less. OpenVINO is included if it is installed; its bfloat16 is float32 on processors
without. `--engines` compares only the engines as training uses them; the first one is ONNX Runtime's.
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

from benchmarks.support.common import PROJECT, Measurement, machine, print_table

Forward = Callable[[np.ndarray], np.ndarray]

SECONDS = 4.0
RATES = "images/s", "images per second of processor time"
KERAS, ONNX, PARALLEL, OPENVINO, BF16 = "keras", "onnx", "parallel", "openvino", "bf16"
VARIANTS = {
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
}
ENGINES = {
    "ONNX Runtime, 32 images, each core four": (PARALLEL, 4, 0, {}),
    "OpenVINO, 32 images, each core eight": (OPENVINO, 8, 0, {}),
    "OpenVINO, 32 images, each core four": (OPENVINO, 4, 0, {}),
    "OpenVINO in bfloat16, 32 images, each core four": (BF16, 4, 0, {}),
}
IMAGES = 32
"""A training batch."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", default="random", help="imagenet, sample, random, or a file")
    parser.add_argument("--image-size", type=int, default=224, help="side in pixels")
    parser.add_argument("--alpha", type=float, default=1.0, help="width of MobileNetV2")
    parser.add_argument("--rounds", type=int, default=3, help="number of repetitions")
    parser.add_argument("--engines", action="store_true", help="compare only the engines as training uses them")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(json.dumps(_measure(arguments, *(VARIANTS | ENGINES)[arguments.variant][:3])))
        return
    print(*machine(), "", f"Each row: {'; '.join(RATES)}, each with its ratio to the first row.", "", sep="\n")
    print_table(_table(arguments))


def _table(arguments: argparse.Namespace) -> Iterator[Measurement]:
    chosen = ENGINES if arguments.engines else VARIANTS | ENGINES
    without = () if find_spec("openvino") else (OPENVINO, BF16)
    variants = [variant for variant, (runtime, *_) in chosen.items() if runtime not in without]
    rates = {variant: [] for variant in variants}
    for _ in range(arguments.rounds):
        for variant in variants:
            rates[variant].append(_measure_in_new_process(variant))
    first = next(iter(rates))
    for variant, measured in rates.items():
        texts = [
            f"{median(row[rate] for row in measured):.0f} ({_ratio(rate, measured, rates[first])})" for rate in RATES
        ]
        yield Measurement(variant, "   ".join([*texts, f"difference {measured[0]['difference']:.0e}"]))


def _ratio(rate: str, measured: Sequence[dict[str, float]], baseline: Sequence[dict[str, float]]) -> str:
    ratios = [row[rate] / base[rate] for row, base in zip(measured, baseline, strict=True)]
    return f"{median(ratios):.2f}x, {min(ratios):.2f} to {max(ratios):.2f}"


def _measure_in_new_process(variant: str) -> dict[str, float]:
    process = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--variant", variant],
        cwd=PROJECT,
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", **(VARIANTS | ENGINES)[variant][3]},
    )
    return json.loads(process.stdout.splitlines()[-1])


def _measure(arguments: argparse.Namespace, runtime: str, batch: int, threads: int) -> dict[str, float]:
    """Return images per second, and the largest difference from Keras' features relative to their mean magnitude."""
    import keras

    from core.backbones.registry import DEFAULT_BASE
    from core.learning.network.base import build_base
    from core.learning.network.cut_points import cut_point_for
    from core.learning.network.onnx_writer import to_onnx

    keras.utils.set_random_seed(0)
    if threads and runtime == KERAS:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    base = build_base(DEFAULT_BASE, arguments.alpha, arguments.image_size, arguments.weights)
    reference = _keras(base)
    graph = to_onnx(base, [cut_point_for(base, 0)], DEFAULT_BASE.scaling)
    forward = reference if runtime == KERAS else _forward(runtime, graph, threads, batch)
    images, size = IMAGES if runtime in (PARALLEL, OPENVINO, BF16) else batch, arguments.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (images, size, size, 3), np.uint8)
    expected, features = reference(pixels), forward(pixels)
    return {**_rates(forward, pixels), "difference": float(np.abs(features - expected).max() / np.abs(expected).mean())}


def _rates(forward: Forward, pixels: np.ndarray) -> dict[str, float]:
    start, cpu_start, images = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < SECONDS:
        forward(pixels)
        images += len(pixels)
    durations = time.perf_counter() - start, time.process_time() - cpu_start
    return {rate: images / seconds for rate, seconds in zip(RATES, durations, strict=True)}


def _keras(base: "keras.Model") -> Forward:  # noqa: F821 - Keras is imported only where it is needed
    import keras

    from core.backbones.registry import DEFAULT_BASE
    from core.learning.network.base import scale_pixels

    model = keras.Model(base.input, keras.layers.GlobalAveragePooling2D()(base.output))
    return lambda pixels: model.predict_on_batch(scale_pixels(pixels, DEFAULT_BASE.scaling))


def _forward(runtime: str, graph: bytes, threads: int, batch: int) -> Forward:
    from core.learning.network.engines.engine import with_batch_size
    from core.learning.network.engines.onnx_engine import ONNX_RUNTIME, run_onnx
    from core.learning.network.engines.openvino_engine import OPENVINO as IN_FLOAT32
    from core.learning.network.engines.openvino_engine import OPENVINO_BF16

    engines = {PARALLEL: ONNX_RUNTIME, OPENVINO: IN_FLOAT32, BF16: OPENVINO_BF16}
    if runtime in engines:
        run = with_batch_size(engines[runtime].open(graph), batch)
    else:
        run = run_onnx(graph, threads, batch)
    return lambda pixels: run(pixels)[0]


if __name__ == "__main__":
    main()
