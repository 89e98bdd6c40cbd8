"""From Start to the first step of a run, with and without a spare: `python benchmarks/warm_start.py [--pairs N]`.

Feature extraction, one epoch, on the drawn sample set (96 px, alpha 0.35, random weights). A run without and one with a
spare take turns, so that what else the machine does meets both alike. Nothing is asserted.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from benchmarks.support.common import Figure, machine, own_room, print_table, seconds
from core.data.datasets.scan import data_folder, scan
from core.data.study_plan import plan_study
from core.execution.queue.launcher import Launcher
from core.execution.queue.prewarm import Prewarmer
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy
from core.machine.devices import Leases

POLL_SECONDS = 0.02
SETTLE_SECONDS = 1.0
"""A process that has used no processor for so long has imported what it will import."""

Plan = Sequence[tuple[RunConfig, str]]


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with own_room() as room:
        plan = _plan()
        _first_step(room, plan, None)  # the first of all reads files that no later one has to read
        cold, warm = [], []
        for number in range(1, arguments.pairs + 1):
            cold.append(_first_step(room, plan, None))
            warm.append(_first_step(room, plan, Prewarmer()))
            print(f"pair {number}: without {seconds(cold[-1])}, with {seconds(warm[-1])}", flush=True)
        print_table(_figures(cold, warm))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5, help="how often both are measured")
    return parser.parse_args()


def _plan() -> Plan:
    config = RunConfig(weights="random", alpha=0.35, image_size=96)
    strategy = Strategy("feature-extraction", (Phase(0, 1e-3, 1),))
    return plan_study(config, [strategy], scan(data_folder(SAMPLE)))


def _first_step(room: Path, plan: Plan, prewarmer: Prewarmer | None) -> float:
    """Seconds from submitting a run to its first step's row. `RuntimeError` where it fails or the spare is not used."""
    store = RunStore(room / "runs")
    launcher = Launcher(store, Leases(room / "leases"), prewarmer=prewarmer)
    try:
        waiting = _await_ready(prewarmer) if prewarmer else None
        return _follow(store, launcher, plan, waiting)
    finally:
        launcher.close()


def _await_ready(prewarmer: Prewarmer) -> int:
    """The number of the process that waits, once it has nothing left to do."""
    before = None
    while True:
        now = sum(psutil.Process(prewarmer.pid).cpu_times()[:2]) if prewarmer.pid else None
        if now is not None and now == before and now > SETTLE_SECONDS:
            return prewarmer.pid
        before = now
        time.sleep(SETTLE_SECONDS)


def _follow(store: RunStore, launcher: Launcher, plan: Plan, waiting: int | None) -> float:
    start = time.perf_counter()
    run = store.create_study(plan).runs[0]
    launcher.submit(run.id)
    while not store.metrics(run.id).steps and not store.get(run.id).state.is_finished:
        time.sleep(POLL_SECONDS)
    took = time.perf_counter() - start
    launcher.cancel(run.id)
    while not (now := store.get(run.id)).state.is_finished:
        time.sleep(POLL_SECONDS)
    if now.status.error or (waiting and now.status.pid != waiting):
        raise RuntimeError(f"{run.id}: {now.state}. {now.status.error or 'It did not get the process that waited.'}")
    return took


def _figures(cold: Sequence[float], warm: Sequence[float]) -> list[Figure]:
    return [
        Figure("First step without a spare, median", seconds(median(cold))),
        Figure(f"  fastest and slowest of {len(cold)}", f"{seconds(min(cold))} to {seconds(max(cold))}"),
        Figure("First step with a spare, median", seconds(median(warm))),
        Figure(f"  fastest and slowest of {len(warm)}", f"{seconds(min(warm))} to {seconds(max(warm))}"),
        Figure("With a spare, of the time without", f"{100 * median(warm) / median(cold):.0f}%"),
    ]


if __name__ == "__main__":
    main()
