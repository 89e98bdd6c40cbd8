"""The tabs of Compare: classes, confusion matrices, images, calibration, settings and course ranges."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.class_contrasts import class_contrast_chart
from core.analysis.charts.confusion import confusion_chart
from core.analysis.charts.palette import run_colours
from core.analysis.comparison.class_contrasts import class_contrasts
from core.analysis.comparison.run_table import class_table
from core.analysis.comparison.verdict import Verdict
from core.analysis.results.course_ranges import baseline_rows, course_range_rows
from core.analysis.results.setting_results import SettingResults, has_several_seeds
from core.analysis.results.settings import differing_settings, setting_tables
from core.analysis.text import escape_markdown
from core.experiment.runs.run import AnyRun
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
    services: Services,
    runs: Sequence[AnyRun],
    settings: Sequence[SettingResults],
    names: dict[str, str],
    verdict: Verdict,
    baseline: SettingResults,
) -> None:
    """Show the tabs. Only the content of the open tab is computed; the URL holds its name.

    Args:
        names: label of each run, by id.
    """
    classes, confusions, images, calibration, differing, course = st.tabs(_TABS, key="more", bind="query-params")
    results = {run.summary.id: run.figures for setting in settings for run in setting.runs}
    if classes.open:
        with classes:
            _show_classes(settings, baseline)
            _show_class_contrasts(services, verdict, baseline)
    if confusions.open:
        with confusions:
            _show_confusions(settings)
    if images.open:
        with images:
            show_disputes(services, list(runs), names, run_colours(runs))
    if calibration.open:
        with calibration:
            show_calibration(services, runs, results)
    if differing.open:
        with differing:
            _show_settings(runs, {setting.id: setting.name for setting in settings})
    if course.open:
        with course:
            _show_course_ranges(services, runs, settings, names)


def _show_classes(settings: Sequence[SettingResults], baseline: SettingResults) -> None:
    rows, formats = class_table(settings, baseline)
    if not rows:
        st.markdown("No run has been evaluated on the test images yet. Results appear when a run is completed.")
        return
    means = "Means over seeds. " if has_several_seeds(settings) else ""
    st.caption(
        "F1 per class: the harmonic mean of recall (share of the images of the class that are found) and precision "
        f"(share of its predictions that are right). {means}Differences are relative to "
        f"{escape_markdown(baseline.name)}."
    )
    show_table(
        rows,
        "classes",
        "F1 of each class and setting",
        formats,
        column_config={"Class": st.column_config.TextColumn(pinned=True)},
    )


def _show_class_contrasts(services: Services, verdict: Verdict, baseline: SettingResults) -> None:
    """Compare another setting with the baseline, per class; nothing if no other shares test images with it."""
    ids = {run.summary.id for run in baseline.runs}
    reference = next((group for group in verdict.groups if ids & {result.run_id for result in group.results}), None)
    others = [
        group
        for group in verdict.groups
        if reference and group is not reference and (group.test_splits & reference.test_splits)
    ]
    if not reference or not others:
        return
    st.markdown(f"**Accuracy per class, compared with {escape_markdown(reference.name)}**")
    names = [group.name for group in others]
    name = st.selectbox("Setting", names, key="class-contrast", width=360)
    contrasts = class_contrasts(services.store, others[names.index(name)], reference)
    if not contrasts:
        st.caption("The predictions for single images were not saved.")
        return
    show_chart(
        class_contrast_chart(contrasts),
        "class-differences",
        "Difference of each class in points, with its 95% interval",
    )
    model = "" if len(reference.results) > 1 else " They are about one training of each setting."
    st.caption(f"Lines are 95% intervals, adjusted for the number of classes.{model}")


def _show_confusions(settings: Sequence[SettingResults]) -> None:
    shown = [(setting, result) for setting in settings if (result := setting.confusion)]
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
    if has_several_seeds(settings):
        st.caption("Numbers of images are summed over the seeds of a setting.")
    is_large = any(len(result.classes) > _MAX_SMALL for _, result in shown)
    per_row = min(_LARGE_CHARTS_PER_ROW if is_large else _CHARTS_PER_ROW, len(shown))
    for first in range(0, len(shown), per_row):
        for column, (setting, result) in zip(st.columns(per_row), shown[first : first + per_row], strict=False):
            with column:
                show_chart(
                    confusion_chart(result, setting.name, cells == "Percent"),
                    f"confusion-{setting.id}",
                    f"Confusion matrix of {setting.name}",
                )


def _show_settings(runs: Sequence[AnyRun], names: dict[str, str]) -> None:
    tables = setting_tables(runs)
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
            {"Setting": name, **{names[first]: table.get(name, "–") for first, table in tables.items()}}
            for name in shown
        ],
        "compared-settings",
        "Settings that are compared",
        column_config={"Setting": st.column_config.TextColumn(pinned=True)},
    )


def _show_course_ranges(
    services: Services, runs: Sequence[AnyRun], settings: Sequence[SettingResults], names: dict[str, str]
) -> None:
    rows = [run.summary for setting in settings for run in setting.runs]
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
