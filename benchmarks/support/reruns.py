"""Time for a rerun of each page's script, with 100 and 10,000 runs in the folder."""

import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.support.common import PROJECT, Measurement, epoch_row, seconds
from benchmarks.support.listing import FEW, MANY, write_runs
from core.experiment.runs.metrics import MetricsWriter
from core.experiment.runs.run import Run
from core.experiment.runs.run_store import RunStore

PAGES = ("home", "data", "train", "runs", "compare", "predict")
REPEATS = 5
MAX_SHOWN = 30
"""Largest number of runs that a page shows."""


def reruns(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Time reruns of each page's script in one session, without a change; medians of five."""
    for number, target in ((FEW, "under 300 ms"), (MANY // 10 if quick else MANY, "under 1 s")):
        root = folder / f"reruns-{number}"
        write_runs(root, number)
        store = RunStore(root)
        shown = store.runs()[:MAX_SHOWN]
        _finish(store, shown)
        for page in PAGES:
            yield Measurement(f"Rerun of {page}, {number:,} runs", seconds(_rerun(root, page)), target)
        for page in ("runs", "compare"):
            duration = _rerun(root, page, run=[run.id for run in shown])
            yield Measurement(f"Rerun of {page} with {MAX_SHOWN} runs on it, {number:,} in all", seconds(duration))
        shutil.rmtree(root, ignore_errors=True)  # the launcher of a page may still use the folder


def _finish(store: RunStore, runs: Sequence[Run]) -> None:
    """Write metric rows of 25 epochs with 40 steps each, and test results."""
    for run in runs:
        writer = MetricsWriter(store.path(run.id) / "metrics.jsonl")
        for epoch in range(1, 26):
            for step in range(1, 41):
                writer.append(
                    {
                        "kind": "step",
                        "step": (epoch - 1) * 40 + step,
                        "epoch": epoch,
                        "phase": 1,
                        "done": step / 40,
                        "loss": 1 / epoch,
                        "accuracy": epoch / 30,
                        "elapsed": 2.0 * epoch,
                    }
                )
            writer.append(epoch_row(epoch, epoch / 30, 2.0))
        writer.close()
        scores = {"precision": 0.8, "recall": 0.8, "f1": 0.8, "images": 38}
        names = [f"class {letter}" for letter in "abcdefghij"]
        evaluation = {
            "split": "test",
            "images": 380,
            "accuracy": 0.81,
            "macro_f1": 0.8,
            "classes": names,
            "per_class": dict.fromkeys(names, scores),
            "confusion": [[30 if i == j else 1 for j in range(10)] for i in range(10)],
        }
        (store.path(run.id) / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")


def _rerun(root: Path, name: str, **query: list[str]) -> float:
    from streamlit.testing.v1 import AppTest

    sys.argv = ["dashboard.py", "--runs", str(root)]
    page = AppTest.from_file(str(PROJECT / "dashboard.py"), default_timeout=120)
    for key, values in query.items():
        page.query_params[key] = values
    if name != "home":
        page.switch_page(f"pages/{name}.py")
    page.run()
    return median(_timed(page) for _ in range(REPEATS))


def _timed(page: object) -> float:
    start = time.perf_counter()
    page.run()
    return time.perf_counter() - start
