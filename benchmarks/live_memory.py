"""How much the dashboard's memory grows while a live page is open: `python benchmarks/live_memory.py [--minutes 120]`.

A worker that only pretends to train streams rows all the time; a real browser keeps the Runs page open.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from benchmarks.common import Figure, machine, own_room, print_table
from benchmarks.dashboard_server import chromium, chromium_path, dashboard, visitor
from benchmarks.pages import MANIFEST, paced_launcher
from core.experiment.run import RunConfig
from core.experiment.store import RunStore
from core.experiment.strategy import MAX_EPOCHS, Phase, Strategy

WARM_UP_MINUTES = 3
LOOK_EVERY_MINUTES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=120)
    minutes = parser.parse_args().minutes
    print(*machine(), "", sep="\n")
    with own_room() as room:
        print_table(_growth(room, minutes))


def _growth(room: Path, minutes: float) -> Iterator[Figure]:
    """The dashboard's resident memory after a warm-up, every few minutes, and how much it grew in all."""
    store = RunStore(room / "runs")
    launcher = paced_launcher(store, room)
    runs = [store.create(RunConfig(strategy=Strategy("paced", (Phase(0, 1e-3, MAX_EPOCHS),)), seed=seed), MANIFEST)
            for seed in range(int(minutes // 20) + 2)]
    try:
        with chromium(chromium_path()) as browser, dashboard(store.root) as server, visitor(browser) as page:
            page.goto(f"{server.url}/runs?study={runs[0].study}")
            page.get_by_text("images/s").first.wait_for()
            _wait(WARM_UP_MINUTES)
            began, first, deadline = time.monotonic(), _resident(server.pid), time.monotonic() + 60 * minutes
            while time.monotonic() < deadline:
                _wait(min(LOOK_EVERY_MINUTES, (deadline - time.monotonic()) / 60))
                passed, now = (time.monotonic() - began) / 60, _resident(server.pid)
                yield Figure(f"Dashboard's memory after {passed:.0f} minutes on a live page",
                             f"{now:.0f} MB ({now - first:+.0f} MB)", "bounded")
    finally:
        for run in runs:
            store.request_stop(run.id)
        _wait(0.1)
        launcher.close()


def _wait(minutes: float) -> None:
    time.sleep(max(0.0, 60 * minutes))


def _resident(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1e6


if __name__ == "__main__":
    main()
