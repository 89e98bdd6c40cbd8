"""The three strategies on each installed Keras backend, side by side: `python benchmarks/backends.py`.

Each backend starts from an empty cache. Seconds count from the start of a run's worker, which is warm, to the end of
its test. The backends take turns, `--rounds` times; medians are shown.
"""

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, add_data, machine, print_table, run_python, seconds, temporary_home
from core.experiment.runs.run_store import RunStore
from core.machine.keras_backend import BACKENDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data(parser)
    parser.set_defaults(weights="sample")
    parser.add_argument("--epochs", type=int, nargs=2, default=(4, 3), metavar=("HEAD", "FINE"), help="default: 4 3")
    parser.add_argument("--backends", nargs="+", default=[name for name in BACKENDS if find_spec(name)])
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    print(*machine(), "", sep="\n")
    results: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for _ in range(options.rounds):
        for backend in options.backends:
            for strategy, result in _train(backend, options):
                results[strategy, backend].append(result)
    print_table(_rows(results))


def _train(backend: str, options: argparse.Namespace) -> Iterator[tuple[str, tuple[float, float]]]:
    """Train in the terminal; yield each strategy, its seconds from the start of its worker, and its test accuracy."""
    with temporary_home() as folder:
        os.environ["KERAS_BACKEND"] = backend
        head, fine = map(str, options.epochs)
        run_python(
            *("transfer_learning.py", "--strategy", "all", "--data", options.data, "--weights", options.weights),
            *("--phase1-epochs", head, "--phase2-epochs", fine, "--runs", str(folder / "runs"), "--json"),
        )
        store = RunStore(folder / "runs")
        for run in store.runs():
            status, evaluation = run.status, store.evaluation(run.id)
            yield run.title, (status.ended - status.started, evaluation["accuracy"])


def _rows(results: dict[tuple[str, str], list[tuple[float, float]]]) -> list[Measurement]:
    return [
        Measurement(
            f"{strategy}, {backend}",
            f"{seconds(median(time for time, _ in runs))}, test {100 * median(score for _, score in runs):.1f}%",
        )
        for (strategy, backend), runs in sorted(results.items())
    ]


if __name__ == "__main__":
    main()
