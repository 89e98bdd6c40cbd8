"""Growth of the dashboard's memory while a live page is open: `python benchmarks/live_memory.py [--minutes 120]`.

Workers that only simulate training write metric rows without pause, one run of a study after another, while a real
browser shows the study's page.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from benchmarks.support.common import Measurement, machine, print_table, temporary_home
from benchmarks.support.dashboard_server import chromium, chromium_path, dashboard, open_page
from benchmarks.support.paced_worker import STEP_SECONDS, STEPS
from benchmarks.support.pages import MANIFEST, paced_launcher
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy

WARM_UP_MINUTES = 3
EPOCHS = 300
SECONDS_PER_RUN = EPOCHS * STEPS * STEP_SECONDS
INTERVAL_MINUTES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=120, help="duration of the measurement after the warm-up")
    minutes = parser.parse_args().minutes
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        print_table(_measure(folder, minutes))


def _measure(folder: Path, minutes: float) -> Iterator[Measurement]:
    """Measure the dashboard's memory after a warm-up and every few minutes, with its total growth."""
    store = RunStore(folder / "runs")
    launcher = paced_launcher(store, folder)
    paced = Strategy("paced", (Phase(0, 1e-3, EPOCHS),))
    study = store.create_study(
        [
            (RunConfig(strategy=paced, seed=seed), MANIFEST)
            for seed in range(1 + int((minutes + WARM_UP_MINUTES) * 60 / SECONDS_PER_RUN))
        ]
    )
    try:
        with chromium(chromium_path()) as browser, dashboard(store.root) as server, open_page(browser) as page:
            page.goto(f"{server.url}/runs?study={study.id}")
            page.get_by_text("images/s").first.wait_for()
            _wait(WARM_UP_MINUTES)
            start, first, deadline = time.monotonic(), _resident_megabytes(server.pid), time.monotonic() + 60 * minutes
            while time.monotonic() < deadline:
                _wait(min(INTERVAL_MINUTES, (deadline - time.monotonic()) / 60))
                elapsed, memory = (time.monotonic() - start) / 60, _resident_megabytes(server.pid)
                yield Measurement(
                    f"Dashboard's memory after {elapsed:.0f} minutes on a live page",
                    f"{memory:.0f} MB ({memory - first:+.0f} MB)",
                    "bounded",
                )
    finally:
        for run in study.runs:
            store.request_stop(run.id)
        _wait(0.1)
        launcher.close()


def _wait(minutes: float) -> None:
    time.sleep(max(0.0, 60 * minutes))


def _resident_megabytes(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1e6


if __name__ == "__main__":
    main()
