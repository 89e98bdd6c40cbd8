"""The tabs of Compare: classes, confusion matrices, images, calibration, settings and course ranges."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.class_contrasts import class_contrast_chart
from core.analysis.charts.confusion import confusion_chart
from core.analysis.charts.palette import run_colours
from core.analysis.comparison.class_contrasts import class_contrasts, tested_on_same_images
from core.analysis.comparison.run_table import class_table
from core.analysis.results.course_ranges import baseline_rows, course_range_rows
from core.analysis.results.evaluation_file import EvaluationFigures, evaluation_figures
from core.analysis.results.settings import differing_settings, settings_of
from core.analysis.results.summary import Summary
from core.analysis.text import escape_markdown
from core.experiment.runs.run import AnyRun, Run
from pages.parts.compare.calibration_tab import show_calibration
from pages.parts.compare.disputes_tab import show_disputes
from pages.parts.shared.services import Services
from pages.parts.shared.show import show_chart, show_table

_TABS = ("Classes", "Confusions", "Images", "Calibration", "Settings", "Course ranges")
_CHARTS_PER_ROW, _LARGE_CHARTS_PER_ROW = 3, 2
_MAX_SMALL = 14
"""Largest number of classes of a small confusion matrix."""

_COURSE = "Week 2 of the waste-classification course (transfer learning with MobileNetV2)"


def show_details(
    services: Services, runs: Sequence[AnyRun], rows: Sequence[Summary], names: dict[str, str], baseline: str
) -> None:
    """Show the tabs. Only the content of the open tab is computed; the URL holds its name."""
    classes, confusions, images, calibration, settings, course = st.tabs(_TABS, key="more", bind="query-params")
    results = {run.id: evaluation_figures(services.store.evaluation(run.id)) for run in runs}
    if classes.open:
        with classes:
            _show_classes(results, names, baseline)
            _show_class_contrasts(services, runs, names, baseline)
    if confusions.open:
        with confusions:
            _show_confusions(results, names)
    if images.open:
        with images:
            show_disputes(services, list(runs), names, run_colours(runs))
    if calibration.open:
        with calibration:
            show_calibration(services, runs, results)
    if settings.open:
        with settings:
            _show_settings(runs, names)
    if course.open:
        with course:
            _show_course_ranges(services, runs, rows, names)


def _show_classes(results: dict[str, EvaluationFigures], names: dict[str, str], baseline: str) -> None:
    rows, formats = class_table({run_id: result for run_id, result in results.items() if result.f1}, names, baseline)
    if not rows:
        st.markdown("No run has been evaluated on the test images yet. Results appear when a run is completed.")
        return
    st.caption(
        "F1 per class: the harmonic mean of recall (share of the images of the class that are found) and precision "
        f"(share of its predictions that are right). Differences are relative to {escape_markdown(names[baseline])}."
    )
    show_table(
        rows,
        "classes",
        "F1 of each class and run",
        formats,
        column_config={"Class": st.column_config.TextColumn(pinned=True)},
    )


def _show_class_contrasts(services: Services, runs: Sequence[AnyRun], names: dict[str, str], baseline: str) -> None:
    """Compare one run with the baseline, per class. Shows nothing if no other run has the same test images."""
    others = tested_on_same_images(services.store, runs, baseline)
    if not others:
        return
    st.markdown(f"**Accuracy per class, compared with {escape_markdown(names[baseline])}**")
    run_id = st.selectbox("Run", others, key="class-contrast", format_func=lambda other: names[other], width=360)
    show_chart(
        class_contrast_chart(class_contrasts(services.store, run_id, baseline)),
        "class-differences",
        "Difference of each class in points, with its 95% interval",
    )
    st.caption(
        "Lines are 95% intervals from paired predictions on the test images of a class, for one run each. They do not "
        "show variation between seeds. About one interval in twenty excludes zero by chance."
    )


def _show_confusions(results: dict[str, EvaluationFigures], names: dict[str, str]) -> None:
    shown = {run_id: result for run_id, result in results.items() if result.confusion is not None}
    if not shown:
        st.markdown("No run has been evaluated on the test images yet. Results appear when a run is completed.")
        return
    cells = st.segmented_control(
        "Cells show",
        ["Images", "Percent"],
        default="Images",
        required=True,
        key="cells",
        bind="query-params",
        help="Percent: share of the images of the true class (of the row).",
    )
    is_large = any(len(result.classes) > _MAX_SMALL for result in shown.values())
    per_row = min(_LARGE_CHARTS_PER_ROW if is_large else _CHARTS_PER_ROW, len(shown))
    for first in range(0, len(shown), per_row):
        row = list(shown.items())[first : first + per_row]
        for column, (run_id, result) in zip(st.columns(per_row), row, strict=False):
            with column:
                show_chart(
                    confusion_chart(result, names[run_id], cells == "Percent"),
                    f"confusion-{run_id}",
                    f"Confusion matrix of {names[run_id]}",
                )


def _show_settings(runs: Sequence[AnyRun], names: dict[str, str]) -> None:
    tables = {run.id: settings_of(run.config) for run in runs if isinstance(run, Run)}
    if not tables:
        st.markdown("The settings of these runs cannot be read. Choose other runs in the list on the left.")
        return
    only_different = st.toggle("Only differences", True, key="apart", bind="query-params")
    every = dict.fromkeys(name for table in tables.values() for name in table)
    shown = differing_settings(list(tables.values())) if only_different else list(every)
    if not shown:
        st.markdown("All settings of these runs are equal. Switch off Only differences to see them.")
        return
    show_table(
        [
            {"Setting": name, **{names[run_id]: table.get(name, "–") for run_id, table in tables.items()}}
            for name in shown
        ],
        "compared-settings",
        "Settings of each run",
        column_config={"Setting": st.column_config.TextColumn(pinned=True)},
    )


def _show_course_ranges(
    services: Services, runs: Sequence[AnyRun], rows: Sequence[Summary], names: dict[str, str]
) -> None:
    st.caption(f"Validation accuracies of these runs, and the ranges that {_COURSE} states for them.")
    over_baseline = baseline_rows(runs, rows, names, {row.id: services.store.metrics(row.id) for row in rows})
    if over_baseline:
        show_table(over_baseline, "over-the-baseline", "Gain of transfer learning over a small network from scratch")
        st.caption("Each run is compared with the small CNN trained on the same images with the same seed.")
    ranges = course_range_rows(rows, names)
    if not ranges:
        st.markdown(
            "The ranges are for training the head alone and for fine-tuning after it, which none of these runs did. "
            "Train feature extraction or two-phase to compare."
        )
        return
    show_table(ranges, "course-ranges", "Best validation accuracy of each phase and its range")
    st.caption("Best validation accuracy of each phase: the head alone, and fine-tuning after it.")
