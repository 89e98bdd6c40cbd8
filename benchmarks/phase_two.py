"""Ways to compute the training step above the cut point: `python benchmarks/phase_two.py [--rounds 5]`.

Each way has its own process, which loads the same weights and trains the top layers on the same random features,
without dropout. The processes take turns: in each round every way trains one epoch while the others wait. Shown are the
median time per step, the median of the rounds' ratios to the step without any change (wall-clock; processor time of all
threads), and the largest difference of the losses of the first three epochs.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import PROJECT, add_network, machine, seconds, temporary_home

PLAIN = "no change"
LARGE = str(2**32)


@dataclass(frozen=True)
class Way:
    """A way to compute the step: environment variables and options of its process."""

    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    backend: str = "tensorflow"


ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}
WAYS: Mapping[str, Way] = {
    PLAIN: Way(),
    "1x1 convolutions as matrix products": Way(options=("--base-change", "products")),
    "depthwise as shifted sums": Way(options=("--base-change", "shifts")),
    "folded": Way(options=("--fold",)),
    "oneDNN": Way(ONEDNN),
    "oneDNN, folded": Way(ONEDNN, ("--fold",)),
    "oneDNN, folded, one call an epoch": Way(ONEDNN, ("--fold", "--one-call")),
    "oneDNN, folded, fused Adam": Way(ONEDNN, ("--fold", "--fused-adam")),
    "oneDNN, folded, memory kept": Way(
        ONEDNN | {"MALLOC_TRIM_THRESHOLD_": LARGE, "MALLOC_MMAP_THRESHOLD_": LARGE}, ("--fold",)
    ),
    "oneDNN, folded, bfloat16": Way(ONEDNN | {"TF_SET_ONEDNN_FPMATH_MODE": "BF16"}, ("--fold",)),
    "oneDNN, folded, one operation at a time": Way(ONEDNN | {"TF_NUM_INTEROP_THREADS": "1"}, ("--fold",)),
    "folded, XLA": Way(options=("--fold", "--xla")),
    "PyTorch": Way(backend="torch"),
    "PyTorch, folded": Way(options=("--fold",), backend="torch"),
    "JAX": Way(backend="jax"),
    "JAX, folded": Way(options=("--fold",), backend="jax"),
}


class _Trainer:
    """The process of one way."""

    def __init__(self, way: Way, weights: Path, arguments: argparse.Namespace) -> None:
        options = [f"--{name.replace('_', '-')}={getattr(arguments, name)}" for name in ("unfreeze", "steps", "alpha")]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.support.one_way", *options, *way.options),
                *(
                    f"--image-size={arguments.image_size}",
                    f"--weights={weights}",
                    f"--base-weights={arguments.weights}",
                ),
            ],
            cwd=PROJECT,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": way.backend} | way.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.losses: list[float] = self._read()

    def train_epoch(self) -> tuple[float, float]:
        """Train an epoch; return its wall-clock and processor seconds."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        wall, processor = self._read()
        return wall, processor

    def close(self) -> None:
        self._process.communicate()

    def _read(self) -> list[float]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"Expected a line of JSON; received none: exit code {self._process.wait()}")
        values: list[float] = json.loads(line)
        return values


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    ways = {name: WAYS[name] for name in dict.fromkeys((PLAIN, *arguments.only)) if find_spec(WAYS[name].backend)}
    with temporary_home() as folder:
        trainers = {name: _Trainer(way, folder / "weights.npz", arguments) for name, way in ways.items()}
        times = _take_turns(trainers, arguments.rounds)
    _print(trainers, times, arguments.steps)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_network(parser)
    add = parser.add_argument
    add("--weights", default="random", help="imagenet, sample, random, or a file; default: random")
    add("--unfreeze", type=int, default=30, help="number of layers, from the top of the base, that train")
    add("--steps", type=int, default=16, help="training steps per epoch")
    add("--rounds", type=int, default=5, help="number of epochs that are measured")
    add("--only", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY", help=f"some of: {', '.join(WAYS)}")
    return parser.parse_args()


def _take_turns(trainers: Mapping[str, _Trainer], rounds: int) -> Mapping[str, list[tuple[float, float]]]:
    times = defaultdict(list)
    for _ in range(rounds):
        for name, trainer in trainers.items():
            times[name].append(trainer.train_epoch())
    for trainer in trainers.values():
        trainer.close()
    return times


def _print(trainers: Mapping[str, _Trainer], times: Mapping[str, list[tuple[float, float]]], steps: int) -> None:
    """Print a line per way: time per step, both ratios, difference of the losses."""
    print(f"{'Way':<42}{'Step':<10}{'Ratio (least to most)':<26}{'Processor time':<18}Losses differ by")
    for name, trainer in trainers.items():
        pairs = list(zip(times[PLAIN], times[name], strict=True))
        wall, processor = ([plain[i] / other[i] for plain, other in pairs] for i in (0, 1))
        difference = max(abs(a - b) for a, b in zip(trainer.losses, trainers[PLAIN].losses, strict=True))
        ratio = f"{median(wall):.2f}x ({min(wall):.2f} to {max(wall):.2f})"
        step = seconds(median(wall for wall, _ in times[name]) / steps)
        print(f"{name:<42}{step:<10}{ratio:<26}{f'{median(processor):.2f}x':<18}{difference:.0e}")


if __name__ == "__main__":
    main()
