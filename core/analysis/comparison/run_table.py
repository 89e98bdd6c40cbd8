"""Tables that compare runs with each other and with a baseline."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from core.analysis.results.evaluation_file import EvaluationFigures
from core.analysis.results.summary import Summary
from core.analysis.text import duration, percent, points

TESTED, BALANCED = "Test accuracy", "Balanced accuracy"

MEASURES: Final = {
    "test_accuracy": (TESTED, "Test, difference"),
    "macro_f1": ("Macro F1", "F1, difference"),
    "best_val_accuracy": ("Best validation", "Validation, difference"),
}
"""Measures by which runs are compared, with the column titles of the measure and of its difference to the baseline."""

Formats = Mapping[str, Callable[[Any], str]]


def differences(rows: Sequence[Summary], baseline_id: str) -> dict[str, dict[str, float | None]]:
    """Each run's measures minus the baseline's, by run id, as shares; None if either was not measured."""
    baseline = next((row for row in rows if row.id == baseline_id), None)
    return {
        row.id: {measure: _minus(getattr(row, measure), getattr(baseline, measure, None)) for measure in MEASURES}
        for row in rows
    }


def comparison_table(
    rows: Sequence[Summary], names: Mapping[str, str], baseline_id: str
) -> tuple[list[dict[str, Any]], Formats]:
    """One row per run, the baseline first, and the format of each column. Shares are 0 to 1."""
    by_run = differences(rows, baseline_id)
    ordered = sorted(rows, key=lambda row: row.id != baseline_id)
    table = [_row(row, names[row.id], by_run[row.id], row.id == baseline_id) for row in ordered]
    table = with_balanced_accuracy(table, ordered)
    return table, _FORMATS | ({BALANCED: percent} if table and BALANCED in table[0] else {})


def with_balanced_accuracy(table: Sequence[dict[str, Any]], rows: Sequence[Summary]) -> list[dict[str, Any]]:
    """Add balanced accuracy after the test accuracy, if the classes of the test images of any run are unequal."""
    if not any(row.is_unbalanced for row in rows):
        return list(table)
    return [_insert_balanced(columns, row.balanced_accuracy) for columns, row in zip(table, rows, strict=True)]


def _insert_balanced(columns: Mapping[str, Any], balanced_accuracy: float | None) -> dict[str, Any]:
    place = list(columns).index(TESTED) + 1
    items = list(columns.items())
    return dict([*items[:place], (BALANCED, balanced_accuracy), *items[place:]])


def _row(row: Summary, name: str, to_baseline: Mapping[str, float | None], is_baseline: bool) -> dict[str, Any]:
    columns: dict[str, Any] = {"Run": f"{name} (baseline)" if is_baseline else name}
    for measure, (title, difference) in MEASURES.items():
        columns |= {title: getattr(row, measure), difference: None if is_baseline else to_baseline[measure]}
    low, high = row.interval or (None, None)
    return columns | {
        "Best epoch": row.best_epoch,
        "Training minus validation": row.gap,
        "Epochs": row.epochs,
        "Training time": row.seconds if row.epochs else None,
        "Images/s": row.images_per_second,
        "Trainable parameters": ", then ".join(_format_parameters(phase.trainable_parameters) for phase in row.phases)
        or None,
        "95% from": low,
        "95% to": high,
        "Test images": row.test_images,
        "State": row.state,
    }


def _format_parameters(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


_FORMATS: Final[dict[str, Callable[[Any], str]]] = {
    **dict.fromkeys((*(title for title, _ in MEASURES.values()), "95% from", "95% to"), percent),
    **dict.fromkeys((difference for _, difference in MEASURES.values()), points),
    "Training minus validation": points,
    "Best epoch": "{:.0f}".format,
    "Training time": duration,
    "Images/s": "{:,.0f}".format,
    "Test images": "{:,.0f}".format,
}


def class_table(
    results: Mapping[str, EvaluationFigures], names: Mapping[str, str], baseline_id: str
) -> tuple[list[dict[str, Any]], Formats]:
    """F1 per class: one column per run and one with its difference to the baseline; and the format of each column."""
    classes = dict.fromkeys(name for result in results.values() for name in result.f1)
    base = results.get(baseline_id, EvaluationFigures()).f1
    others = {run_id: result for run_id, result in results.items() if run_id != baseline_id}
    rows = [
        {
            "Class": name,
            "Test images": next((result.images[name] for result in results.values() if name in result.images), None),
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
