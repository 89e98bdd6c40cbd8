"""Runs side by side in figures, and how far each is from a baseline."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from core.analysis.results.evaluation_file import EvaluationFigures
from core.analysis.results.summary import Summary
from core.analysis.text import duration, percent, points

MEASURES: Final = {
    "test_accuracy": ("Test accuracy", "Test, difference"),
    "macro_f1": ("Macro F1", "F1, difference"),
    "best_val_accuracy": ("Best validation", "Validation, difference"),
}
"""What runs are compared by; what tables call it, and the difference in it."""

Formats = Mapping[str, Callable[[Any], str]]


def differences(rows: Sequence[Summary], baseline_id: str) -> dict[str, dict[str, float | None]]:
    """Each run's measures minus the baseline's, by run id, as shares; None where either was not measured."""
    baseline = next((row for row in rows if row.id == baseline_id), None)
    return {
        row.id: {measure: _minus(getattr(row, measure), getattr(baseline, measure, None)) for measure in MEASURES}
        for row in rows
    }


def comparison_table(
    rows: Sequence[Summary], names: Mapping[str, str], baseline_id: str
) -> tuple[list[dict[str, Any]], Formats]:
    """A row a run, the baseline first, as numbers; and how to show each column. Shares and differences are 0 to 1."""
    apart = differences(rows, baseline_id)
    ordered = sorted(rows, key=lambda row: row.id != baseline_id)
    return [_row(row, names[row.id], apart[row.id], row.id == baseline_id) for row in ordered], _FORMATS


def _row(row: Summary, name: str, apart: Mapping[str, float | None], is_baseline: bool) -> dict[str, Any]:
    columns: dict[str, Any] = {"Run": f"{name} (baseline)" if is_baseline else name}
    for measure, (title, difference) in MEASURES.items():
        columns |= {title: getattr(row, measure), difference: None if is_baseline else apart[measure]}
    low, high = row.interval or (None, None)
    return columns | {
        "At epoch": row.best_epoch,
        "Training minus validation": row.gap,
        "Epochs": row.epochs,
        "Training time": row.seconds if row.epochs else None,
        "Images/s": row.images_per_second,
        "Trainable parameters": ", then ".join(_parameters(phase.trainable_parameters) for phase in row.phases) or None,
        "95% from": low,
        "95% to": high,
        "Test images": row.test_images,
        "State": row.state,
    }


def _parameters(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


_FORMATS: Final[Formats] = {
    **dict.fromkeys((*(title for title, _ in MEASURES.values()), "95% from", "95% to"), percent),
    **dict.fromkeys((difference for _, difference in MEASURES.values()), points),
    "Training minus validation": points,
    "At epoch": "{:.0f}".format,
    "Training time": duration,
    "Images/s": "{:,.0f}".format,
    "Test images": "{:,.0f}".format,
}


def class_table(
    results: Mapping[str, EvaluationFigures], names: Mapping[str, str], baseline_id: str
) -> tuple[list[dict[str, Any]], Formats]:
    """F1 of each class, a column a run by id, and each other run's difference from the baseline; how to show them."""
    classes = dict.fromkeys(name for result in results.values() for name in result.f1)
    base = results.get(baseline_id, EvaluationFigures()).f1
    others = {run_id: result for run_id, result in results.items() if run_id != baseline_id}
    rows = [
        {
            "Class": name,
            "Test images": next((r.images[name] for r in results.values() if name in r.images), None),
            **({f"{names[baseline_id]} (baseline)": base.get(name)} if base else {}),
            **{
                column: value
                for run_id, result in others.items()
                for column, value in (
                    (names[run_id], result.f1.get(name)),
                    (f"{names[run_id]}, difference", _minus(result.f1.get(name), base.get(name))),
                )
            },
        }
        for name in classes
    ]
    formats = {
        column: points if column.endswith(", difference") else percent
        for column in (rows[0] if rows else ())
        if column != "Class"
    }
    return rows, formats | {"Test images": "{:,.0f}".format}


def _minus(value: float | None, baseline: float | None) -> float | None:
    return None if value is None or baseline is None else value - baseline
