"""Time from Start to the first step of a run, with and without a prewarmed worker: `python benchmarks/warm_start.py`.

Feature extraction for one epoch on the drawn sample set (96 px, alpha 0.35, random weights). Runs with and without a
prewarmed worker alternate, so that other programs affect both equally. Nothing is asserted.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from benchmarks.support.common import Measurement, machine, print_table, seconds, temporary_home
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.scan import scan
from core.data.study_plan import plan_study
from core.execution.queue.launcher import Launcher
from core.execution.queue.prewarm import Prewarmer
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy
from core.machine.devices import DeviceLocks

POLL_SECONDS = 0.02
SETTLE_SECONDS = 1.0
"""A process that has used no processor time for this long has finished its imports."""

Plan = Sequence[tuple[RunConfig, str]]


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        plan = _plan()
        _time_first_step(folder, plan, None)  # not counted: it reads files that are in memory later
        cold, warm = [], []
        for number in range(1, arguments.pairs + 1):
            cold.append(_time_first_step(folder, plan, None))
            warm.append(_time_first_step(folder, plan, Prewarmer()))
            print(f"pair {number}: without {seconds(cold[-1])}, with {seconds(warm[-1])}", flush=True)
        print_table(_table(cold, warm))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, help="number of runs with and without")
    return parser.parse_args()


def _plan() -> Plan:
    config = RunConfig(weights="random", alpha=0.35, image_size=96)
    strategy = Strategy("feature-extraction", (Phase(0, 1e-3, 1),))
    return plan_study(config, [strategy], scan(data_folder(SAMPLE)))


def _time_first_step(folder: Path, plan: Plan, prewarmer: Prewarmer | None) -> float:
    """Return the seconds from submitting a run to its first step.

    Raises `RuntimeError` if the run fails or does not use the prewarmed worker.
    """
    store = RunStore(folder / "runs")
    launcher = Launcher(store, DeviceLocks(folder / "locks"), prewarmer=prewarmer)
    try:
        idle_pid = _wait_until_ready(prewarmer) if prewarmer else None
        return _train(store, launcher, plan, idle_pid)
    finally:
        launcher.close()


def _wait_until_ready(prewarmer: Prewarmer) -> int:
    """Wait until the prewarmed worker has finished its imports, and return its process id."""
    previous = None
    while True:
        used = sum(psutil.Process(prewarmer.pid).cpu_times()[:2]) if prewarmer.pid else None
        if used is not None and used == previous and used > SETTLE_SECONDS:
            return prewarmer.pid
        previous = used
        time.sleep(SETTLE_SECONDS)


def _train(store: RunStore, launcher: Launcher, plan: Plan, idle_pid: int | None) -> float:
    start = time.perf_counter()
    run = store.create_study(plan).runs[0]
    launcher.submit(run.id)
    while not store.metrics(run.id).steps and not store.get(run.id).state.is_finished:
        time.sleep(POLL_SECONDS)
    duration = time.perf_counter() - start
    launcher.cancel(run.id)
    while not (current := store.get(run.id)).state.is_finished:
        time.sleep(POLL_SECONDS)
    if current.status.error or (idle_pid and current.status.pid != idle_pid):
        raise RuntimeError(
            f"{run.id}: {current.state}. {current.status.error or 'It did not use the prewarmed worker.'}"
        )
    return duration


def _table(cold: Sequence[float], warm: Sequence[float]) -> list[Measurement]:
    return [
        Measurement("First step without a prewarmed worker, median", seconds(median(cold))),
        Measurement(f"  fastest and slowest of {len(cold)}", f"{seconds(min(cold))} to {seconds(max(cold))}"),
        Measurement("First step with a prewarmed worker, median", seconds(median(warm))),
        Measurement(f"  fastest and slowest of {len(warm)}", f"{seconds(min(warm))} to {seconds(max(warm))}"),
        Measurement("Time with a prewarmed worker, relative to without", f"{100 * median(warm) / median(cold):.0f}%"),
    ]


if __name__ == "__main__":
    main()
