"""This engine and a tutorial on a CUDA machine, in minutes: `python benchmarks/gpu.py --data DIR --weights FILE`.

For each installed Keras backend: images per second of each part; losses of one seed in float32 against the CPU; and
the tutorial (`benchmarks/tutorial.py`) against this engine with an empty feature cache, two-phase and all layers, in
the precision that the engine uses on this GPU. Feature extraction is phase 1 of two-phase. Seconds count from the
start of a process that has imported Keras and found its device. With JAX and PyTorch, which do not need TensorFlow,
the tutorial reads its images by a plain loop in threads; its augmentation layers are the same.

The backends share the minutes. A part for which too little time is left is skipped, and one that takes too long is
ended. Each result is printed and appended to `--out` when it is there. `--rehearse` runs everything on a few drawn
images with the sample base.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, machine, print_table, temporary_home
from benchmarks.support.gpu.budget import Budget, Task, measure_within
from benchmarks.support.gpu.measuring import Measuring, make_plan
from core.experiment.run_config import SAMPLE
from core.machine.keras_backend import BACKENDS

LEAST_SECONDS = {"speeds": 30, "losses": 30, "two-phase": 40, "all-layers": 60}
"""The parts, and below how many seconds that are left each is skipped. The longest, on a GPU, is the last."""


def main() -> None:
    arguments = _parse()
    with temporary_home() as folder:
        plan = make_plan(arguments)
        print(*machine(), plan.heading, "", sep="\n")
        print_table(_measure(arguments, Measuring(folder, plan, arguments.out)))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", default=SAMPLE, help="folder with one subfolder per class; default: the sample set")
    add("--weights", default=SAMPLE, help="weights file for alpha 1.0; default: the sample base at alpha 0.35, 96 px")
    add("--backends", nargs="+", choices=BACKENDS, default=["torch", "jax", "tensorflow"])
    add("--parts", nargs="+", choices=LEAST_SECONDS, default=list(LEAST_SECONDS))
    add("--minutes", type=float, default=8.0, help="the most time for all")
    add("--epochs", type=int, nargs=2, default=(4, 2), metavar=("HEAD", "OPEN"), help="default: 4 2")
    add("--rehearse", action="store_true", help="a few drawn images with the sample base, one epoch of each phase")
    add("--out", type=Path, default=Path("gpu.jsonl"), help="file that the results are appended to")
    return parser.parse_args()


def _measure(arguments: argparse.Namespace, measuring: Measuring) -> Iterator[Measurement]:
    for backend in arguments.backends:
        if not find_spec(backend):
            yield Measurement(f"{backend}: all", f"skipped: not installed (pip install -r {BACKENDS[backend]})")
    backends = [backend for backend in arguments.backends if find_spec(backend)]
    groups = [
        [Task(f"{name}: {part}", LEAST_SECONDS[part], partial(measuring.part, name, part)) for part in arguments.parts]
        for name in backends
    ]
    yield from measure_within(Budget(60 * arguments.minutes), groups)


if __name__ == "__main__":
    main()
