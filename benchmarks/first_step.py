"""Time until the first training step of a phase is done: `python benchmarks/first_step.py [--rounds 3]`.

Compares the usual `compile`, after which optimizer and metrics create their variables in the first step, with the
engine's, which creates them before; in turn, each in a separate process. Measures the seconds of `compile` and a
one-step `fit`.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.support.common import Measurement, add_network, machine, print_table, run_python, seconds
from core.experiment.strategy import ALL_LAYERS, Phase

DEPTHS = 0, 30, ALL_LAYERS
BATCH_SIZE = 32


def main() -> None:
    arguments = _parse()
    if arguments.measure:
        depth, variant = arguments.measure
        print(json.dumps(_first_step(arguments, int(depth), variant == "engine")))
        return
    print(*machine(), "", sep="\n")
    print_table(_measure(arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_network(parser)
    parser.add_argument("--rounds", type=int, default=3, help="number of repetitions")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(arguments: argparse.Namespace) -> Iterator[Measurement]:
    network = ["--image-size", str(arguments.image_size), "--alpha", str(arguments.alpha)]
    for depth in DEPTHS:
        times = [
            [
                run_python("-m", "benchmarks.first_step", *network, "--measure", str(depth), variant)
                for variant in ("plain", "engine")
            ]
            for _ in range(arguments.rounds)
        ]
        plain, engine = zip(*times, strict=True)
        yield Measurement(f"First step, {depth} layers unfrozen: usual compile", seconds(median(plain)))
        ratio = median(before / after for before, after in times)
        yield Measurement(f"First step, {depth} layers unfrozen: engine", f"{seconds(median(engine))}: {ratio:.1f}x")


def _first_step(arguments: argparse.Namespace, depth: int, as_engine: bool) -> float:
    import keras

    from core.learning.network.cut_points import cut_point_for
    from core.learning.network.model import base_of, build_transfer_model, unfreeze_layers
    from core.learning.network.trained_part import trained_part
    from core.learning.training.keras_phase import compile_phase

    model = build_transfer_model(10, arguments.image_size, arguments.alpha, "random", 0)
    cut_point, phase = cut_point_for(base_of(model), depth), Phase(depth, 1e-4, 1)
    start = time.perf_counter()
    if as_engine:
        trained = compile_phase(model, phase, cut_point)
    else:
        unfreeze_layers(model, depth)
        trained = trained_part(model, cut_point)
        trained.compile(
            keras.optimizers.Adam(phase.learning_rate),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=False,
        )
    inputs = np.zeros((BATCH_SIZE, *trained.input_shape[1:]), np.float32)
    trained.fit(inputs, np.zeros(BATCH_SIZE, np.int32), batch_size=BATCH_SIZE, verbose=0)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
