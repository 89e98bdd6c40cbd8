"""What the dashboard takes, and how closely it follows a training."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil

from benchmarks.support.common import Figure, epoch_row, seconds
from benchmarks.support.dashboard_server import await_first_button, dashboard, visitor
from core.execution.queue.launcher import Launcher
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import MetricsWriter
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import STRATEGIES, Phase, Strategy
from core.machine.devices import Leases, cpu

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PACED_WORKER = Path(__file__).with_name("paced_worker.py")
MANIFEST = "path,hash,label,split\na.jpg,0,a,train\n"
BEST = "best validation accuracy "

# Notes for each accuracy on the page the moment at which it was first drawn, in Unix milliseconds.
WATCH = """() => {
    window.drawn = {};
    const look = () => {
        for (const [, value] of document.body.textContent.matchAll(/best validation accuracy ([0-9.]+%)/g))
            if (!(value in window.drawn)) {
                window.drawn[value] = null;
                requestAnimationFrame(() => { window.drawn[value] = Date.now(); });
            }
    };
    new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
    look();
    return Date.now();
}"""


def memory(browser: "Browser", room: Path) -> Iterator[Figure]:
    """What the dashboard's process holds after its first page and after the page of a finished study."""
    store = RunStore(room / "memory")
    study = store.create_study([(RunConfig(strategy=strategy), MANIFEST) for strategy in STRATEGIES.values()])
    for run in study.runs:
        _finish(store, run)
    with dashboard(store.root) as server:
        with visitor(browser) as page:
            page.goto(server.url)
            await_first_button(page)
            yield Figure("Dashboard's memory after the first page", _resident(server.pid), "under 400 MB")
            page.goto(f"{server.url}/runs?study={study.id}")
            page.get_by_text("On the test images").wait_for()
            page.locator(".js-plotly-plot").nth(1).wait_for()
            yield Figure("Dashboard's memory after a study's page", _resident(server.pid), "under 400 MB")
        yield Figure("TensorFlow loaded in the dashboard", _has_tensorflow(server.pid), "no")


def _finish(store: RunStore, run: Run) -> None:
    """Give the run the rows, the evaluation and the end of a training."""
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


def following(browser: "Browser", room: Path, quick: bool) -> Iterator[Figure]:
    """From an epoch's row on disk to its accuracy on the page, over one run of a worker that only pretends to train."""
    store, epochs = RunStore(room / "following"), 5 if quick else 20
    launcher = paced_launcher(store, room)
    try:
        with dashboard(store.root) as server, visitor(browser) as page:
            page.goto(server.url)
            await_first_button(page)
            run = store.create(RunConfig(strategy=Strategy("paced", (Phase(0, 1e-3, epochs),))), MANIFEST)
            launcher.submit(run.id)
            delays = _delays(page, f"{server.url}/runs?study={run.study}", store, run)
    finally:
        launcher.close()
    found = f"median {seconds(median(delays))}, most {seconds(max(delays))}" if delays else "no epoch was seen"
    yield Figure(f"Epoch's row on disk to text on the page ({len(delays)} epochs)", found, "under 2 s")


def paced_launcher(store: RunStore, room: Path) -> Launcher:
    """A launcher whose workers only pretend to train."""
    return Launcher(
        store,
        Leases(room / "leases"),
        lambda: (cpu(),),
        lambda run, device, leases: [
            sys.executable,
            str(PACED_WORKER),
            str(run),
            "--device",
            device,
            "--leases",
            str(leases),
        ],
    )


def _delays(page: "Page", url: str, store: RunStore, run: Run) -> list[float]:
    """Seconds from disk to page of each epoch that ended after the page was being watched."""
    page.goto(url)
    page.get_by_text(f"of {run.config.strategy.epochs}").first.wait_for()
    since = page.evaluate(WATCH) / 1000
    last = f"{BEST}{_shown(run.config.strategy.epochs)}"
    page.get_by_text(last).wait_for()
    page.wait_for_timeout(500)
    drawn = page.evaluate("window.drawn")
    return [
        drawn[_shown(row["epoch"])] / 1000 - row["written"]
        for row in store.metrics(run.id).epochs
        if row["written"] > since
    ]


def _shown(epoch: int) -> str:
    """How the page says the accuracy that `paced_worker` reports of this epoch."""
    return f"{epoch:.1f}%"
