"""Time of ten seeds of feature extraction against one, all cached: `python benchmarks/many_seeds.py [--data DIR]`.

First trains all seeds, which caches their features. Then, in turn, one seed and all seeds at another learning rate,
each from the creation of the study to the end of its last test, with a prewarmed worker. `benchmarks/second_run.py`
measures one run in a browser.
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, add_data, add_network, machine, print_table, seconds, temporary_home
from core.data.datasets.dataset import Dataset
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.scan import scan
from core.data.study_plan import plan_study
from core.execution.queue.launcher import Launcher
from core.execution.queue.prewarm import Prewarmer
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy
from core.machine.devices import DeviceLocks

PREWARM_SECONDS = 25.0
"""A prewarmed worker starts ten seconds after the last run began, and imports Keras."""


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        dataset = scan(data_folder(arguments.data))
        store = RunStore(folder / "runs")
        launcher = Launcher(store, DeviceLocks(folder / "locks"), prewarmer=Prewarmer())
        try:
            print_table(_measure(arguments, store, launcher, dataset))
        finally:
            launcher.close()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data(parser)
    add_network(parser, 96, 0.35)
    add = parser.add_argument
    add("--epochs", type=int, default=15, help="epochs of each run")
    add("--seeds", type=int, default=10, help="number of seeds")
    add("--rounds", type=int, default=3, help="number of comparisons, of which the median counts")
    return parser.parse_args()


def _measure(arguments: argparse.Namespace, store: RunStore, launcher: Launcher, dataset: Dataset) -> list[Measurement]:
    def time_study(seeds: int, rate: float) -> float:
        config = RunConfig(
            data=arguments.data, weights=arguments.weights, image_size=arguments.image_size, alpha=arguments.alpha
        )
        strategy = Strategy("feature-extraction", (Phase(0, rate, arguments.epochs),))
        time.sleep(PREWARM_SECONDS)
        began = time.perf_counter()
        study = store.create_study(plan_study(config, [strategy], dataset, range(seeds)))
        launcher.submit(study.runs[0].id)
        while store.active():
            time.sleep(0.05)
        if {store.get(run.id).state for run in study.runs} != {State.COMPLETED}:
            raise RuntimeError(f"Expected all runs to be completed; see {store.root}.")
        return time.perf_counter() - began

    cold = time_study(arguments.seeds, 1e-3)
    one, many = [], []
    for number in range(arguments.rounds):
        rate = 1e-3 * (number + 2) / 2.5
        one.append(time_study(1, rate))
        many.append(time_study(arguments.seeds, rate * 1.1))
    ratios = [b / a for a, b in zip(one, many, strict=True)]
    title = f"{arguments.seeds} seeds"
    return [
        Measurement(f"{title}, nothing cached", seconds(cold)),
        Measurement("One seed, all cached", seconds(median(one)), "3 s"),
        Measurement(f"{title}, all cached", seconds(median(many))),
        Measurement("Ratio", f"{median(ratios):.1f}x ({min(ratios):.1f} to {max(ratios):.1f})", "3x"),
    ]


if __name__ == "__main__":
    main()
