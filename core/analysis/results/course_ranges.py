"""What the course promises of each phase, beside what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from core.analysis.results.summary import PhaseSummary, Summary
from core.analysis.text import count, percent, points
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import AnyRun, Run

HEAD_ALONE: Final = (0.80, 0.85)
FINE_TUNED: Final = (0.85, 0.92)
OVER_BASELINE: Final = (0.10, 0.15)
"""Validation accuracies that the course promises: of the head alone (phase 1), fine-tuned after it (phase 2), and
gained over a small network from scratch."""


def course_range_rows(rows: Sequence[Summary], names: Mapping[str, str]) -> list[dict[str, str]]:
    """A row for each phase of each run that the course promises something of."""
    return [
        {
            "Run": names[row.id],
            "Phase": str(phase.number),
            "Trained": _trained(phase),
            "Promised": f"{promise[0]:.0%} to {promise[1]:.0%}",
            "Measured": percent(phase.best_val_accuracy),
            "Result": beside(phase.best_val_accuracy, promise),
        }
        for row in rows
        for phase in row.phases
        if (promise := _promise(row, phase))
    ]


def baseline_rows(
    runs: Sequence[AnyRun], rows: Sequence[Summary], names: Mapping[str, str], metrics: Mapping[str, Metrics]
) -> list[dict[str, str]]:
    """What the course promises of transfer over a small network from scratch, for each run beside the baseline that
    learned from the same images with the same seed; empty where none did.
    """
    configs = {run.id: run.config for run in runs if isinstance(run, Run)}
    trained = [row for row in rows if row.best_val_accuracy is not None and row.id in configs]
    baselines = {_images(configs[row.id]): row for row in trained if configs[row.id].strategy.is_from_scratch}
    return [
        told
        for row in trained
        if not configs[row.id].strategy.is_from_scratch and (baseline := baselines.get(_images(configs[row.id])))
        for told in _over(row, baseline, names, metrics)
    ]


def _images(config: RunConfig) -> tuple[str, int, int, int, bool]:
    """What runs have in common that learn from the same pixels."""
    return config.data, config.image_size, config.seed, config.split_seed, config.leak_free


def _over(
    row: Summary, baseline: Summary, names: Mapping[str, str], metrics: Mapping[str, Metrics]
) -> Iterator[dict[str, str]]:
    gain = row.best_val_accuracy - baseline.best_val_accuracy
    low, high = OVER_BASELINE
    yield {
        "Run": names[row.id],
        "Over the small CNN": "Validation accuracy",
        "Promised": f"+{100 * low:.0f} to +{100 * high:.0f} points",
        "Measured": points(gain),
    }
    if row.trainable_parameters and baseline.trainable_parameters:
        yield {
            "Run": names[row.id],
            "Over the small CNN": "Parameters that train",
            "Promised": "3 times fewer",
            "Measured": _times(baseline.trainable_parameters / row.trainable_parameters),
        }
    reached = next(
        (epoch["epoch"] for epoch in metrics[row.id].epochs if epoch["val_accuracy"] >= baseline.best_val_accuracy),
        None,
    )
    yield {
        "Run": names[row.id],
        "Over the small CNN": "Epochs to its best accuracy",
        "Promised": "fewer",
        "Measured": f"{reached or 'never'}, it took {baseline.best_epoch}",
    }


def _times(ratio: float) -> str:
    """2.5 -> "2.5 times fewer"; 0.5 -> "2.0 times more"."""
    return f"{ratio:.1f} times fewer" if ratio >= 1 else f"{1 / ratio:.1f} times more"


def beside(share: float, promise: tuple[float, float]) -> str:
    """Where a share stands: in the range, or by how much above or below it."""
    low, high = promise
    if share < low:
        return f"below ({points(share - low)})"
    return f"above ({points(share - high)})" if share > high else "in the range"


def _promise(row: Summary, phase: PhaseSummary) -> tuple[float, float] | None:
    """The course trains the head first: of a base that trains from the start it promises nothing."""
    if phase.unfreeze == 0:
        return HEAD_ALONE
    head_first = any(earlier.unfreeze == 0 for earlier in row.phases if earlier.number < phase.number)
    return FINE_TUNED if (phase.unfreeze or 0) > 0 and head_first else None


def _trained(phase: PhaseSummary) -> str:
    return count(phase.unfreeze, "layer") if phase.unfreeze else "head only"
