"""What stands below the comparison: classes, confusions, settings and what the course promises."""

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

_IN_A_ROW, _LARGE_IN_A_ROW, _LARGE = 3, 2, 14  # charts beside each other; classes from which on one is large
_TABS = ("Classes", "Confusions", "Images", "Calibration", "Settings", "Promised")


def show_details(
    services: Services, runs: Sequence[AnyRun], rows: Sequence[Summary], names: dict[str, str], baseline: str
) -> None:
    """Six tabs, of which only the open one is made; the URL tells which."""
    classes, confusions, images, calibration, settings, promised = st.tabs(_TABS, key="more", bind="query-params")
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
    if promised.open:
        with promised:
            _show_promised(services, runs, rows, names)


def _show_classes(results: dict[str, EvaluationFigures], names: dict[str, str], baseline: str) -> None:
    rows, formats = class_table({run_id: result for run_id, result in results.items() if result.f1}, names, baseline)
    if not rows:
        st.markdown("No run has been measured on the test images yet.")
        return
    st.caption(
        "F1 of each class: how rarely a model misses it, and how rarely it sees it where it is not. Differences "
        f"are from {escape_markdown(names[baseline])}."
    )
    show_table(
        rows,
        "classes",
        "F1 of each class and run",
        formats,
        column_config={"Class": st.column_config.TextColumn(pinned=True)},
    )


def _show_class_contrasts(services: Services, runs: Sequence[AnyRun], names: dict[str, str], baseline: str) -> None:
    """One run against the baseline, class by class; nothing where no other was tested on the same images."""
    others = tested_on_same_images(services.store, runs, baseline)
    if not others:
        return
    st.markdown(f"**How much more often right than {escape_markdown(names[baseline])}, class by class**")
    other = st.selectbox("Run", others, key="class-contrast", format_func=lambda run_id: names[run_id], width=360)
    show_chart(
        class_contrast_chart(class_contrasts(services.store, other, baseline)),
        "class-differences",
        "Difference of each class in points, with its 95% interval",
    )
    st.caption(
        "Lines are 95% intervals over the test images of a class, image by image, for one training of each. "
        "About one class in twenty leaves out zero by chance."
    )


def _show_confusions(results: dict[str, EvaluationFigures], names: dict[str, str]) -> None:
    shown = {run_id: result for run_id, result in results.items() if result.confusion is not None}
    if not shown:
        st.markdown("No run has been measured on the test images yet.")
        return
    cells = st.segmented_control(
        "Cells show",
        ["Images", "Percent"],
        default="Images",
        required=True,
        key="cells",
        bind="query-params",
        help="Percent: of the images of the true class, a row.",
    )
    is_large = any(len(result.classes) > _LARGE for result in shown.values())
    in_a_row = min(_LARGE_IN_A_ROW if is_large else _IN_A_ROW, len(shown))
    for first in range(0, len(shown), in_a_row):
        row = list(shown.items())[first : first + in_a_row]
        for column, (run_id, result) in zip(st.columns(in_a_row), row, strict=False):
            with column:
                show_chart(
                    confusion_chart(result, names[run_id], cells == "Percent"),
                    f"confusion-{run_id}",
                    f"What each class is taken for by {names[run_id]}",
                )


def _show_settings(runs: Sequence[AnyRun], names: dict[str, str]) -> None:
    tables = {run.id: settings_of(run.config) for run in runs if isinstance(run, Run)}
    if not tables:
        st.markdown("The settings of these runs cannot be read.")
        return
    apart = st.toggle("Only what differs", True, key="apart", bind="query-params")
    every = dict.fromkeys(name for table in tables.values() for name in table)
    shown = differing_settings(list(tables.values())) if apart else list(every)
    if not shown:
        st.markdown("Nothing differs.")
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


def _show_promised(services: Services, runs: Sequence[AnyRun], rows: Sequence[Summary], names: dict[str, str]) -> None:
    promised = course_range_rows(rows, names)
    over = baseline_rows(runs, rows, names, {row.id: services.store.metrics(row.id) for row in rows})
    if over:
        show_table(over, "over-the-baseline", "What transfer gains over a small network from scratch")
        st.caption("Runs are set beside the small CNN that learned from the same images with the same seed.")
    if not promised:
        st.markdown(
            "The course promises something of a head trained alone, and of fine-tuning after it. "
            "None of these runs has done either."
        )
        return
    st.caption(
        "Best validation accuracy of each phase, beside what the course promises of a head trained alone and of "
        "fine-tuning after it."
    )
    show_table(promised, "promised", "Best validation accuracy of each phase and the range that the course promises")
