"""Helpers of page tests: open a page without a browser, read its texts, and write runs to show on it."""

import json
import time
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from core.experiment.named_strategies import STRATEGIES
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import MetricsWriter
from core.experiment.runs.run import Run, RunStatus, State, Study
from core.experiment.runs.run_store import RunStore

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
MANIFEST = "path,hash,label,split\na.jpg,0,a,train\n"
_KINDS = ("title", "header", "subheader", "markdown", "caption", "error", "warning", "info", "text", "code")


def open_page(name: str = "home", **query: str | list[str]) -> AppTest:
    """Open a page by its name, with these query parameters."""
    page = AppTest.from_file(str(DASHBOARD), default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    if name != "home":
        page.switch_page(f"pages/{name}.py")
    page.run()
    assert not page.exception, page.exception
    return page


def texts(page: AppTest) -> str:
    """All texts of a page, one line per element, without the backslashes that escape Markdown."""
    return "\n".join(str(element.value) for kind in _KINDS for element in page.get(kind)).replace("\\", "")


def progress_texts(page: AppTest) -> list[str]:
    """The texts of all progress bars."""
    return [bar.proto.text for bar in page.get("progress")]


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label == label)


def make_study(root: Path, **settings: Any) -> tuple[RunStore, Study]:
    """Create a study of the three strategies, whose runs are queued."""
    store = RunStore(root)
    planned = [(RunConfig(strategy=strategy, **settings), MANIFEST) for strategy in STRATEGIES.values()]
    return store, store.create_study(planned)


def finish(store: RunStore, run: Run, accuracy: float = 0.81, epochs: int = 2) -> None:
    """Write the metrics, evaluation and status of a completed training."""
    write_rows(store, run.id, [epoch(number) for number in range(1, epochs + 1)])
    scores = {"precision": 0.8, "recall": 0.8, "f1": 0.8, "images": 190}
    evaluation = {
        "split": "test",
        "images": 380,
        "accuracy": accuracy,
        "macro_f1": 0.8,
        "classes": ["glass", "paper"],
        "per_class": {"glass": scores, "paper": scores},
        "confusion": [[150, 40], [32, 158]],
    }
    (store.path(run.id) / "evaluation.json").write_text(json.dumps(evaluation))
    store.write_status(run.id, RunStatus(State.COMPLETED, phase=1, epoch=epochs, ended=time.time()))


def epoch(number: int, phase: int = 1) -> dict[str, Any]:
    return {
        "kind": "epoch",
        "epoch": number,
        "phase": phase,
        "unfreeze": 0,
        "learning_rate": 1e-3,
        "loss": 1 / number,
        "accuracy": 0.5,
        "val_loss": 1 / number,
        "val_accuracy": 0.873,
        "seconds": 2.0,
        "elapsed": 2.0 * number,
        "trainable_parameters": 165_514,
        "images_per_second": 60.0,
    }


def write_rows(store: RunStore, run_id: str, rows: list[dict[str, Any]]) -> None:
    writer = MetricsWriter(store.path(run_id) / "metrics.jsonl")
    for row in rows:
        writer.append(row)
    writer.close()
