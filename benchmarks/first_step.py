"""How soon a phase's first step is done: `python benchmarks/first_step.py [--rounds 3]`.

The same phases on the same network, compiled as everybody does, where optimizer and accuracy make their variables in
the first step, and as the engine does, before it; in turn, each in a process of its own. Seconds of a one-step `fit`.
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

from benchmarks.support.common import Figure, add_network, machine, print_table, run_python, seconds
from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.experiment.strategy import Phase

DEPTHS = 0, 30, ALL_LAYERS
BATCH = 32


def main() -> None:
    arguments = _parse()
    if arguments.measure:
        depth, way = arguments.measure
        print(json.dumps(_first_step(arguments, int(depth), way == "engine")))
        return
    print(*machine(), "", sep="\n")
    print_table(_figures(arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_network(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _figures(arguments: argparse.Namespace) -> Iterator[Figure]:
    network = ["--image-size", str(arguments.image_size), "--alpha", str(arguments.alpha)]
    for depth in DEPTHS:
        took = [
            [
                run_python("-m", "benchmarks.first_step", *network, "--measure", str(depth), way)
                for way in ("plain", "engine")
            ]
            for _ in range(arguments.rounds)
        ]
        plain, engine = zip(*took, strict=True)
        yield Figure(f"First step, {depth} layers open: as everybody compiles", seconds(median(plain)))
        ratio = median(before / after for before, after in took)
        yield Figure(f"First step, {depth} layers open: the engine", f"{seconds(median(engine))}: {ratio:.1f}x")


def _first_step(arguments: argparse.Namespace, depth: int, as_engine: bool) -> float:
    import keras

    from core.learning.network.cut_points import cut_point_for
    from core.learning.network.model import base_of, build_transfer_model, unfreeze_layers
    from core.learning.network.trained_part import trained_part
    from core.learning.training.loop import compile_phase

    model = build_transfer_model(10, arguments.image_size, arguments.alpha, "random", 0)
    cut, phase = cut_point_for(base_of(model), depth), Phase(depth, 1e-4, 1)
    began = time.perf_counter()
    if as_engine:
        above = compile_phase(model, phase, cut)
    else:
        unfreeze_layers(model, depth)
        above = trained_part(model, cut)
        above.compile(
            keras.optimizers.Adam(phase.learning_rate),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=False,
        )
    rows = np.zeros((BATCH, *above.input_shape[1:]), np.float32)
    above.fit(rows, np.zeros(BATCH, np.int32), batch_size=BATCH, verbose=0)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
