"""Tables that compare settings, or runs, with each other and with a baseline."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from core.analysis.results.setting_results import (
    Measure,
    SeedResults,
    SettingResults,
    accuracy_on_test,
    has_several_seeds,
)
from core.analysis.results.summary import Summary
from core.analysis.statistics.wilson_interval import Interval
from core.analysis.text import duration, percent, points

TESTED, BALANCED = "Test accuracy", "Balanced accuracy"

MEASURES: Final[Mapping[tuple[str, str], Measure]] = {
    (TESTED, "Test, difference"): accuracy_on_test,
    ("Macro F1", "F1, difference"): lambda run: run.summary.macro_f1,
    ("Best validation", "Validation, difference"): lambda run: run.summary.best_val_accuracy,
}
"""Measures by which settings are compared, by the column titles of measure and difference to the baseline."""

Formats = Mapping[str, Callable[[Any], str]]


def comparison_table(
    settings: Sequence[SettingResults], baseline: SettingResults, intervals: Mapping[str, Interval | None] = {}
) -> tuple[list[dict[str, Any]], Formats]:
    """One row per setting, the baseline first, and the format of each column. Shares are 0 to 1.

    Args:
        intervals: 95% interval of the mean test accuracy of settings with several seeds (see `setting_intervals`).

    Figures are means over seeds. For the rows of the seeds of a setting, pass `SettingResults.apart`: the difference of
    each is that to the same seed of the baseline.
    """
    ordered = sorted(settings, key=lambda setting: setting is not baseline)
    table = [
        _row(setting, baseline, has_several_seeds(settings), setting.interval or _interval(setting, intervals))
        for setting in ordered
    ]
    table = with_balanced_accuracy(table, ordered)
    return table, {column: form for column, form in _FORMATS.items() if table and column in table[0]}


def with_balanced_accuracy(
    table: Sequence[dict[str, Any]], rows: Sequence[Summary | SettingResults]
) -> list[dict[str, Any]]:
    """Add balanced accuracy after the test accuracy, if the classes of the test images of any run are unequal."""
    if not any(row.is_unbalanced for row in rows):
        return list(table)
    return [_insert_balanced(columns, row.balanced_accuracy) for columns, row in zip(table, rows, strict=True)]


def _insert_balanced(columns: Mapping[str, Any], balanced_accuracy: float | None) -> dict[str, Any]:
    place = list(columns).index(TESTED) + 1
    items = list(columns.items())
    return dict([*items[:place], (BALANCED, balanced_accuracy), *items[place:]])


def _interval(setting: SettingResults, intervals: Mapping[str, Interval | None]) -> Interval | None:
    return next((intervals[run.summary.id] for run in setting.runs if run.summary.id in intervals), None)


def _row(
    setting: SettingResults, baseline: SettingResults, several_seeds: bool, interval: Interval | None
) -> dict[str, Any]:
    name = f"{setting.name} (baseline)" if setting is baseline else setting.name
    columns: dict[str, Any] = {"Setting": name, "Seeds": setting.tested_seeds} if several_seeds else {"Run": name}
    for (title, difference), measure in MEASURES.items():
        columns |= {
            title: setting.mean(measure),
            difference: None if setting is baseline else setting.difference(measure, baseline),
        }
    low, high = interval or (None, None)
    return columns | {
        "Best epoch": setting.mean(lambda run: run.summary.best_epoch),
        "Training minus validation": setting.mean(lambda run: run.summary.gap),
        "Epochs": setting.mean(lambda run: run.summary.epochs),
        "Training time": setting.mean(lambda run: run.summary.seconds if run.summary.epochs else None),
        "Images/s": setting.mean(lambda run: run.summary.images_per_second),
        "Trainable parameters": _trainable_parameters(setting),
        "95% from": low,
        "95% to": high,
        "Test images": setting.mean(lambda run: run.summary.test_images),
        "State": _states(setting),
    }


def _trainable_parameters(setting: SettingResults) -> str | None:
    """The trainable parameters of each phase, of the run that has come farthest."""
    phases = max((run.summary.phases for run in setting.runs), key=len)
    return ", then ".join(_format_parameters(phase.trainable_parameters) for phase in phases) or None


def _format_parameters(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _states(setting: SettingResults) -> str:
    """`completed`, or `2 completed, 1 failed`."""
    states = [run.summary.state for run in setting.runs]
    counts = {state: states.count(state) for state in states}
    return states[0] if len(counts) == 1 else ", ".join(f"{number} {state}" for state, number in counts.items())


def _format_mean(number: float) -> str:
    """A mean of whole numbers with one decimal, if it has any."""
    return f"{number:,.1f}".removesuffix(".0")


_FORMATS: Final[dict[str, Callable[[Any], str]]] = {
    **dict.fromkeys((BALANCED, *(title for title, _ in MEASURES), "95% from", "95% to"), percent),
    **dict.fromkeys((difference for _, difference in MEASURES), points),
    "Training minus validation": points,
    **dict.fromkeys(("Best epoch", "Epochs"), _format_mean),
    "Training time": duration,
    **dict.fromkeys(("Images/s", "Test images"), "{:,.0f}".format),
}


def class_table(settings: Sequence[SettingResults], baseline: SettingResults) -> tuple[list[dict[str, Any]], Formats]:
    """F1 per class, the mean over seeds: one column per setting and one with its difference to the baseline.

    Settings without F1 are left out. Also returns the format of each column.
    """
    tested = [setting for setting in settings if any(run.figures.f1 for run in setting.runs)]
    classes = dict.fromkeys(name for setting in tested for run in setting.runs for name in run.figures.f1)
    ordered = sorted(tested, key=lambda setting: setting is not baseline)
    rows = [_class_row(tested, ordered, baseline, name) for name in classes]
    formats = {
        column: points if column.endswith(", difference") else percent
        for column in (rows[0] if rows else ())
        if column != "Class"
    }
    return rows, formats | {"Test images": "{:,.0f}".format}


def _class_row(
    tested: Sequence[SettingResults], ordered: Sequence[SettingResults], baseline: SettingResults, name: str
) -> dict[str, Any]:
    row: dict[str, Any] = {"Class": name, "Test images": _test_images(tested, name)}
    for setting in ordered:
        row |= _class_columns(setting, baseline, name)
    return row


def _class_columns(setting: SettingResults, baseline: SettingResults, name: str) -> dict[str, float | None]:
    def f1(run: SeedResults) -> float | None:
        return run.figures.f1.get(name)

    if setting is baseline:
        return {f"{setting.name} (baseline)": setting.mean(f1)}
    return {setting.name: setting.mean(f1), f"{setting.name}, difference": setting.difference(f1, baseline)}


def _test_images(settings: Sequence[SettingResults], name: str) -> int | None:
    """The number of test images of a class, in the first run that has it."""
    figures = (run.figures for setting in settings for run in setting.runs)
    return next((found.images[name] for found in figures if name in found.images), None)
