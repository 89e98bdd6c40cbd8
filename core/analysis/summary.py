"""One run in figures: how far it is, and what came out."""

from dataclasses import asdict, dataclass
from typing import Any

from core.experiment.metrics import Metrics
from core.experiment.run import Run
from core.experiment.store import RunStore


@dataclass(frozen=True)
class Progress:
    """How far a run is. `share` is 0 to 1; `seconds_left` is None before there is anything to go by."""

    share: float
    epoch: int
    epochs: int
    seconds_left: float | None


def progress(run: Run, metrics: Metrics) -> Progress:
    """How far `run` is, from its rows: epochs that ended and what is done of the next."""
    strategy = run.config.strategy if run.config else None
    planned, ended = (strategy.epochs if strategy else 0), len(metrics.epochs)
    step = metrics.steps[-1] if metrics.steps else None
    within = step["done"] if step and step["epoch"] > ended and not run.state.is_finished else 0.0
    share = min(1.0, (ended + within) / planned) if planned else 0.0
    epoch = min(ended + 1, planned) if not run.state.is_finished else ended
    return Progress(share, epoch, planned, _seconds_left(run, metrics, within) if planned else None)


def _seconds_left(run: Run, metrics: Metrics, within: float) -> float | None:
    """Each phase at the pace of its last epoch; a phase that has not begun at the pace of the newest."""
    if not metrics.epochs:
        return None
    pace = {row["phase"]: row["seconds"] for row in metrics.epochs}
    newest = metrics.epochs[-1]["seconds"]
    done = [row["phase"] for row in metrics.epochs]
    left = sum((phase.epochs - done.count(number)) * pace.get(number, newest)
               for number, phase in enumerate(run.config.strategy.phases, start=1)
               if number >= metrics.epochs[-1]["phase"])
    return max(0.0, left - within * newest)


@dataclass(frozen=True)
class Summary:
    """What came out of a run. Shares are 0 to 1; None stands for what was not measured."""

    id: str
    strategy: str
    title: str
    seed: int | None
    state: str
    epochs: int
    best_epoch: int | None
    best_val_accuracy: float | None
    best_val_loss: float | None
    test_accuracy: float | None
    macro_f1: float | None
    test_images: int | None
    trainable_parameters: int | None
    seconds: float
    error: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def summarise(store: RunStore, run: Run) -> Summary:
    """The figures of one run; the best epoch's, never the last one's."""
    metrics, evaluation = store.metrics(run.id), store.evaluation(run.id) or {}
    best = metrics.best or {}
    config = run.config
    return Summary(
        run.id, config.strategy.name if config else "", run.title, config.seed if config else None, str(run.state),
        len(metrics.epochs), best.get("epoch"), best.get("val_accuracy"), best.get("val_loss"),
        evaluation.get("accuracy"), evaluation.get("macro_f1"), evaluation.get("images"),
        metrics.epochs[-1]["trainable_parameters"] if metrics.epochs else None,
        sum(row["seconds"] for row in metrics.epochs),
        f"{run.status.error.message} {run.status.error.advice}" if run.status.error else None)
