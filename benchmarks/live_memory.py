"""How much the dashboard's memory grows while a live page is open: `python benchmarks/live_memory.py [--minutes 120]`.

Workers that only pretend to train stream rows all the time, one run of a study after another; a real browser keeps the
study's page open.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from benchmarks.support.common import Figure, machine, own_room, print_table
from benchmarks.support.dashboard_server import chromium, chromium_path, dashboard, visitor
from benchmarks.support.paced_worker import STEP_SECONDS, STEPS
from benchmarks.support.pages import MANIFEST, paced_launcher
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy

WARM_UP_MINUTES = 3
EPOCHS = 300
SECONDS_A_RUN = EPOCHS * STEPS * STEP_SECONDS
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
    paced = Strategy("paced", (Phase(0, 1e-3, EPOCHS),))
    study = store.create_study(
        [
            (RunConfig(strategy=paced, seed=seed), MANIFEST)
            for seed in range(1 + int((minutes + WARM_UP_MINUTES) * 60 / SECONDS_A_RUN))
        ]
    )
    try:
        with chromium(chromium_path()) as browser, dashboard(store.root) as server, visitor(browser) as page:
            page.goto(f"{server.url}/runs?study={study.id}")
            page.get_by_text("images/s").first.wait_for()
            _wait(WARM_UP_MINUTES)
            began, first, deadline = time.monotonic(), _resident(server.pid), time.monotonic() + 60 * minutes
            while time.monotonic() < deadline:
                _wait(min(LOOK_EVERY_MINUTES, (deadline - time.monotonic()) / 60))
                passed, now = (time.monotonic() - began) / 60, _resident(server.pid)
                yield Figure(
                    f"Dashboard's memory after {passed:.0f} minutes on a live page",
                    f"{now:.0f} MB ({now - first:+.0f} MB)",
                    "bounded",
                )
    finally:
        for run in study.runs:
            store.request_stop(run.id)
        _wait(0.1)
        launcher.close()


def _wait(minutes: float) -> None:
    time.sleep(max(0.0, 60 * minutes))


def _resident(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1e6


if __name__ == "__main__":
    main()
