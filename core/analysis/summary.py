"""One run in figures: how far it is, and what came out."""

from dataclasses import asdict, dataclass
from typing import Any

from core.experiment.metrics import Metrics
from core.experiment.run import Run, State
from core.experiment.store import RunStore


@dataclass(frozen=True)
class Progress:
    """How far a run is. `share` is 0 to 1; `seconds_left` is None before there is anything to go by."""

    share: float
    phase: int
    epoch: int
    epochs: int
    seconds_left: float | None


def progress(run: Run, metrics: Metrics) -> Progress:
    """How far `run` is, from its rows: epochs that ended, what is done of the next, and what is still planned.

    A phase that ended early, out of patience, takes its remaining epochs with it.
    """
    step, ended = metrics.steps[-1] if metrics.steps else {}, len(metrics.epochs)
    within = step.get("done", 0.0) if step.get("epoch", 0) > ended and not run.state.is_finished else 0.0
    newest = metrics.epochs[-1]["phase"] if metrics.epochs else 1
    phase = max(newest, step.get("phase", 1)) if within else newest
    left = _epochs_left(run, metrics, phase)
    epochs = ended + sum(left.values())
    if run.state is State.COMPLETED:
        return Progress(1.0, phase, ended, ended, 0.0)
    epoch = ended if run.state.is_finished else min(ended + 1, epochs)
    return Progress((ended + within) / epochs if epochs else 0.0, phase, epoch, epochs,
                    _seconds_left(metrics, left, within))


def _epochs_left(run: Run, metrics: Metrics, phase: int) -> dict[int, int]:
    """Epochs still planned of each phase from `phase` on."""
    done = [row["phase"] for row in metrics.epochs]
    phases = run.config.strategy.phases if run.config else ()
    return {number: planned.epochs - done.count(number) for number, planned in enumerate(phases, start=1)
            if number >= phase}


def _seconds_left(metrics: Metrics, left: dict[int, int], within: float) -> float | None:
    """Each phase at the pace of its last epoch; a phase that has not begun at the pace of the newest."""
    if not metrics.epochs:
        return None
    pace = {row["phase"]: row.get("seconds", 0.0) for row in metrics.epochs}
    newest = metrics.epochs[-1].get("seconds", 0.0)
    return max(0.0, sum(epochs * pace.get(phase, newest) for phase, epochs in left.items()) - within * newest)


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
    """The figures of one run: accuracies of its best epoch, never the last; parameters as of its last phase."""
    metrics, evaluation = store.metrics(run.id), store.evaluation(run.id) or {}
    best = metrics.best or {}
    config = run.config
    return Summary(
        run.id, config.strategy.name if config else "", run.title, config.seed if config else None, str(run.state),
        len(metrics.epochs), best.get("epoch"), best.get("val_accuracy"), best.get("val_loss"),
        evaluation.get("accuracy"), evaluation.get("macro_f1"), evaluation.get("images"),
        metrics.epochs[-1].get("trainable_parameters") if metrics.epochs else None,
        sum(row.get("seconds", 0.0) for row in metrics.epochs),
        f"{run.status.error.message} {run.status.error.advice}" if run.status.error else None)
