"""Progress and results of one run, computed from its metrics and evaluation."""

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from core.analysis.results.evaluation_file import evaluation_figures
from core.analysis.statistics.wilson_interval import wilson_interval
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import AnyRun, Row, Run, State
from core.experiment.runs.run_store import RunStore


@dataclass(frozen=True)
class Progress:
    """Progress of a run. `share` is 0 to 1; `seconds_left` is None before the first epoch has ended."""

    share: float
    phase: int
    epoch: int
    epochs: int
    seconds_left: float | None


def progress(run: AnyRun, metrics: Metrics) -> Progress:
    """Compute a run's progress from its finished epochs, the finished part of the current epoch and the planned epochs.

    If a phase was stopped early, its remaining epochs no longer count as planned.
    """
    step: Row = metrics.steps[-1] if metrics.steps else {}
    ended = len(metrics.epochs)
    within = step.get("done", 0.0) if step.get("epoch", 0) > ended and not run.state.is_finished else 0.0
    newest = metrics.epochs[-1]["phase"] if metrics.epochs else 1
    phase = max(newest, step.get("phase", 1)) if within else newest
    left = _epochs_left(run, metrics, phase)
    phase = next((number for number, epochs in left.items() if epochs), phase)
    epochs = ended + sum(left.values())
    if run.state is State.COMPLETED:
        return Progress(1.0, phase, ended, ended, 0.0)
    epoch = ended if run.state.is_finished else min(ended + 1, epochs)
    return Progress(
        min(1.0, (ended + within) / epochs) if epochs else 0.0,
        phase,
        epoch,
        epochs,
        _seconds_left(run, metrics, left, within),
    )


def _epochs_left(run: AnyRun, metrics: Metrics, phase: int) -> dict[int, int]:
    """Planned epochs that remain, by phase number, from `phase` on."""
    done = [row["phase"] for row in metrics.epochs]
    phases = run.config.strategy.phases if isinstance(run, Run) else ()
    return {
        number: max(0, planned.epochs - done.count(number))
        for number, planned in enumerate(phases, start=1)
        if number >= phase
    }


def _seconds_left(run: AnyRun, metrics: Metrics, left: dict[int, int], within: float) -> float | None:
    """Estimate from the duration of each phase's last epoch.

    None if a phase is left whose number of unfrozen layers has not been trained before: its epochs take another time.
    """
    phases = run.config.strategy.phases if isinstance(run, Run) else ()
    depth_of = {number: phase.unfreeze for number, phase in enumerate(phases, start=1)}
    trained = {depth_of.get(row["phase"]) for row in metrics.epochs}
    ahead = {depth_of[number] for number, epochs in left.items() if epochs}
    if not metrics.epochs or not ahead <= trained:
        return None
    epoch_seconds: dict[int, float] = {row["phase"]: row.get("seconds", 0.0) for row in metrics.epochs}
    newest: float = metrics.epochs[-1].get("seconds", 0.0)
    planned = sum(epochs * epoch_seconds.get(phase, newest) for phase, epochs in left.items())
    return max(0.0, planned - within * newest)


@dataclass(frozen=True)
class PhaseSummary:
    """Results of one phase, numbered from 1. `unfreeze` and `trainable_parameters` are None if no row has them."""

    number: int
    unfreeze: int | None
    trainable_parameters: int | None
    epochs: int
    best_val_accuracy: float


@dataclass(frozen=True)
class Summary:
    """Results of a run. Shares are 0 to 1; values that were not measured are None.

    `gap` is training minus validation accuracy at the best epoch; `images_per_second` is the mean over all epochs.
    `is_unbalanced`: the classes of the test images are so unequal that `balanced_accuracy` belongs beside the accuracy.
    """

    id: str
    strategy: str
    title: str
    seed: int | None
    state: str
    epochs: int
    best_epoch: int | None
    best_val_accuracy: float | None
    best_val_loss: float | None
    gap: float | None
    test_accuracy: float | None
    macro_f1: float | None
    test_images: int | None
    trainable_parameters: int | None
    phases: tuple[PhaseSummary, ...]
    seconds: float
    images_per_second: float | None
    error: str | None
    balanced_accuracy: float | None = None
    is_unbalanced: bool = False

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% confidence interval of the test accuracy."""
        if self.test_accuracy is None or not self.test_images:
            return None
        return wilson_interval(self.test_accuracy, self.test_images)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def summarise(store: RunStore, run: AnyRun) -> Summary:
    """Summarise a run: validation figures of its best epoch (not the last), parameters of its last phase.

    Raises `NoSuchRun`.
    """
    metrics, result = store.metrics(run.id), evaluation_figures(store.evaluation(run.id))
    best: Row = metrics.best or {}
    phases, config = _summarise_phases(metrics), run.config if isinstance(run, Run) else None
    return Summary(
        run.id,
        config.strategy.name if config else "",
        run.title,
        config.seed if config else None,
        str(run.state),
        len(metrics.epochs),
        best.get("epoch"),
        best.get("val_accuracy"),
        best.get("val_loss"),
        best["accuracy"] - best["val_accuracy"] if best else None,
        result.accuracy,
        result.macro_f1,
        result.test_images,
        phases[-1].trainable_parameters if phases else None,
        phases,
        sum(row.get("seconds", 0.0) for row in metrics.epochs),
        _images_per_second(metrics),
        f"{run.status.error.message} {run.status.error.advice}" if run.status.error else None,
        result.balanced_accuracy,
        result.is_unbalanced,
    )


def _summarise_phases(metrics: Metrics) -> tuple[PhaseSummary, ...]:
    phases = {number: list(rows) for number, rows in groupby(metrics.epochs, key=lambda row: row["phase"])}
    return tuple(
        PhaseSummary(
            number,
            rows[0].get("unfreeze"),
            rows[0].get("trainable_parameters"),
            len(rows),
            max(row["val_accuracy"] for row in rows),
        )
        for number, rows in phases.items()
    )


def _images_per_second(metrics: Metrics) -> float | None:
    """Mean over all epochs with both figures, weighted by their duration."""
    epochs = [row for row in metrics.epochs if row.get("seconds") and row.get("images_per_second")]
    images: float = sum(row["images_per_second"] * row["seconds"] for row in epochs)
    return images / sum(row["seconds"] for row in epochs) if epochs else None
