"""Memory of the dashboard, and the delay with which its page shows the progress of a training."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil

from benchmarks.support.common import Measurement, epoch_row, seconds
from benchmarks.support.dashboard_server import dashboard, open_page, wait_for_first_button
from core.execution.queue.launcher import Launcher
from core.experiment.named_strategies import STRATEGIES
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import MetricsWriter
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy
from core.machine.devices import DeviceLocks, cpu

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PACED_WORKER = Path(__file__).with_name("paced_worker.py")
MANIFEST = "path,hash,label,split\na.jpg,0,a,train\n"
BEST = "best validation accuracy "

# Records the time at which each accuracy first appears on the page, in Unix milliseconds.
RECORD_TIMES = """() => {
    window.drawn = {};
    const record = () => {
        for (const [, value] of document.body.textContent.matchAll(/best validation accuracy ([0-9.]+%)/g))
            if (!(value in window.drawn)) {
                window.drawn[value] = null;
                requestAnimationFrame(() => { window.drawn[value] = Date.now(); });
            }
    };
    new MutationObserver(record).observe(document.body, {subtree: true, childList: true, characterData: true});
    record();
    return Date.now();
}"""


def memory(browser: "Browser", folder: Path) -> Iterator[Measurement]:
    """Measure the memory of the dashboard's process after its first page and after the page of a finished study."""
    store = RunStore(folder / "memory")
    study = store.create_study([(RunConfig(strategy=strategy), MANIFEST) for strategy in STRATEGIES.values()])
    for run in study.runs:
        _finish(store, run)
    with dashboard(store.root) as server:
        with open_page(browser) as page:
            page.goto(server.url)
            wait_for_first_button(page)
            yield Measurement("Dashboard's memory after the first page", _resident(server.pid), "under 400 MB")
            page.goto(f"{server.url}/runs?study={study.id}")
            page.get_by_text("On the test images").wait_for()
            page.locator(".js-plotly-plot").nth(1).wait_for()
            yield Measurement("Dashboard's memory after a study's page", _resident(server.pid), "under 400 MB")
        yield Measurement("TensorFlow loaded in the dashboard", _has_tensorflow(server.pid), "no")


def _finish(store: RunStore, run: Run) -> None:
    """Write the metric rows, the evaluation and the final status of a completed training."""
    epochs = run.config.strategy.epochs
    _write_rows(store, run, [epoch_row(number, number / 100, 2.0) for number in range(1, epochs + 1)])
    evaluation = {"split": "test", "images": 90, "accuracy": 0.81, "macro_f1": 0.8}
    (store.path(run.id) / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")
    store.write_status(run.id, RunStatus(State.COMPLETED, epoch=epochs, ended=time.time()))


def _write_rows(store: RunStore, run: Run, rows: Sequence[dict]) -> None:
    writer = MetricsWriter(store.path(run.id) / "metrics.jsonl")
    for row in rows:
        writer.append(row)
    writer.close()


def _resident(pid: int) -> str:
    return f"{psutil.Process(pid).memory_info().rss / 1e6:.0f} MB"


def _has_tensorflow(pid: int) -> str:
    maps = Path(f"/proc/{pid}/maps")
    if not maps.exists():
        return "unknown: no /proc"
    return "yes" if "tensorflow" in maps.read_text() else "no"


def following(browser: "Browser", folder: Path, quick: bool) -> Iterator[Measurement]:
    """Measure the delay from an epoch's row on disk to its accuracy on the page, during one simulated training."""
    store, epochs = RunStore(folder / "following"), 5 if quick else 20
    launcher = paced_launcher(store, folder)
    try:
        with dashboard(store.root) as server, open_page(browser) as page:
            page.goto(server.url)
            wait_for_first_button(page)
            run = store.create(RunConfig(strategy=Strategy("paced", (Phase(0, 1e-3, epochs),))), MANIFEST)
            launcher.submit(run.id)
            delays = _delays(page, f"{server.url}/runs?study={run.study}", store, run)
    finally:
        launcher.close()
    found = f"median {seconds(median(delays))}, most {seconds(max(delays))}" if delays else "no epoch was shown"
    yield Measurement(f"Epoch's row on disk to text on the page ({len(delays)} epochs)", found, "under 2 s")


def paced_launcher(store: RunStore, folder: Path) -> Launcher:
    """Return a launcher whose workers only simulate training."""
    return Launcher(
        store,
        DeviceLocks(folder / "locks"),
        lambda: (cpu(),),
        lambda run, device, locks_folder: [
            sys.executable,
            str(PACED_WORKER),
            str(run),
            "--device",
            device,
            "--locks",
            str(locks_folder),
        ],
    )


def _delays(page: "Page", url: str, store: RunStore, run: Run) -> list[float]:
    """Return the delay in seconds of each epoch that ended after the page was open."""
    page.goto(url)
    page.get_by_text(f"of {run.config.strategy.epochs}").first.wait_for()
    since = page.evaluate(RECORD_TIMES) / 1000
    last = f"{BEST}{_accuracy_text(run.config.strategy.epochs)}"
    page.get_by_text(last).wait_for()
    page.wait_for_timeout(500)
    drawn = page.evaluate("window.drawn")
    return [
        drawn[_accuracy_text(row["epoch"])] / 1000 - row["written"]
        for row in store.metrics(run.id).epochs
        if row["written"] > since
    ]


def _accuracy_text(epoch: int) -> str:
    """Return the accuracy that `paced_worker` reports for this epoch, as the page shows it."""
    return f"{epoch:.1f}%"
