"""Compare validation accuracies with the ranges that the course states.

The course is week 2 of the waste-classification course (transfer learning with MobileNetV2).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from core.analysis.results.summary import PhaseSummary, Summary
from core.analysis.text import count, percent, points
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import AnyRun, Run

HEAD_RANGE: Final = (0.80, 0.85)
FINE_TUNED_RANGE: Final = (0.85, 0.92)
GAIN_RANGE: Final = (0.10, 0.15)
"""Validation accuracies that the course states: of the head alone (phase 1), of fine-tuning after it (phase 2), and the
gain over a small network trained from scratch."""


def course_range_rows(rows: Sequence[Summary], names: Mapping[str, str]) -> list[dict[str, str]]:
    """One row for each phase of each run for which the course states a range."""
    return [
        {
            "Run": names[row.id],
            "Phase": str(phase.number),
            "Trained": _trained_layers(phase),
            "Course range": f"{course_range[0]:.0%} to {course_range[1]:.0%}",
            "Measured": percent(phase.best_val_accuracy),
            "Result": compare_with_range(phase.best_val_accuracy, course_range),
        }
        for row in rows
        for phase in row.phases
        if (course_range := _course_range(row, phase))
    ]


def baseline_rows(
    runs: Sequence[AnyRun], rows: Sequence[Summary], names: Mapping[str, str], metrics: Mapping[str, Metrics]
) -> list[dict[str, str]]:
    """Compare each run with the small network trained from scratch on the same images with the same seed.

    Empty if there is no such network.
    """
    configs = {run.id: run.config for run in runs if isinstance(run, Run)}
    trained = [row for row in rows if row.best_val_accuracy is not None and row.id in configs]
    baselines = {_training_images(configs[row.id]): row for row in trained if configs[row.id].strategy.is_from_scratch}
    return [
        comparison
        for row in trained
        if not configs[row.id].strategy.is_from_scratch
        and (baseline := baselines.get(_training_images(configs[row.id])))
        for comparison in _compare_with_baseline(row, baseline, names[row.id], metrics[row.id])
    ]


def _training_images(config: RunConfig) -> tuple[str | int, ...]:
    """The settings that determine which pixels and classes a run trains on; equal for comparable runs."""
    split = config.split_seed, config.leak_free, config.groups
    return config.data, config.layout, config.image_size, config.seed, *split


def _compare_with_baseline(row: Summary, baseline: Summary, name: str, metrics: Metrics) -> Iterator[dict[str, str]]:
    accuracy, baseline_accuracy = row.best_val_accuracy or 0.0, baseline.best_val_accuracy or 0.0
    low, high = GAIN_RANGE
    yield {
        "Run": name,
        "Against the small CNN": "Validation accuracy",
        "Course range": f"+{100 * low:.0f} to +{100 * high:.0f} points",
        "Measured": points(accuracy - baseline_accuracy),
    }
    if row.trainable_parameters and baseline.trainable_parameters:
        yield {
            "Run": name,
            "Against the small CNN": "Trainable parameters",
            "Course range": "3 times fewer",
            "Measured": _parameter_ratio(baseline.trainable_parameters / row.trainable_parameters),
        }
    reached = next((epoch["epoch"] for epoch in metrics.epochs if epoch["val_accuracy"] >= baseline_accuracy), None)
    yield {
        "Run": name,
        "Against the small CNN": "Epochs to the best accuracy of the small CNN",
        "Course range": "fewer",
        "Measured": f"{reached or 'never'}, small CNN {baseline.best_epoch}",
    }


def _parameter_ratio(ratio: float) -> str:
    """2.5 -> "2.5 times fewer"; 0.5 -> "2.0 times more"."""
    return f"{ratio:.1f} times fewer" if ratio >= 1 else f"{1 / ratio:.1f} times more"


def compare_with_range(share: float, course_range: tuple[float, float]) -> str:
    """Describe whether a share is in a range, or how far it is above or below: `below (-1.0 points)`."""
    low, high = course_range
    if share < low:
        return f"below ({points(share - low)})"
    return f"above ({points(share - high)})" if share > high else "in the range"


def _course_range(row: Summary, phase: PhaseSummary) -> tuple[float, float] | None:
    """The range for a phase; None for fine-tuning without a phase of the head alone before it, which has no range."""
    if phase.unfreeze == 0:
        return HEAD_RANGE
    head_first = any(earlier.unfreeze == 0 for earlier in row.phases if earlier.number < phase.number)
    return FINE_TUNED_RANGE if (phase.unfreeze or 0) > 0 and head_first else None


def _trained_layers(phase: PhaseSummary) -> str:
    return count(phase.unfreeze, "layer") if phase.unfreeze else "head only"
