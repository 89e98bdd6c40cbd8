"""Compare: which runs are best, and the measurements behind it."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.comparison.headline import headline
from core.analysis.comparison.run_table import comparison_table
from core.analysis.comparison.verdict import judge
from core.analysis.results.settings import run_labels
from core.analysis.results.summary import Summary, summarise
from core.analysis.text import count, escape_markdown
from core.experiment.preset import MAX_SEEDS, MAX_STRATEGIES
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.compare.compare_tabs import show_details
from pages.parts.compare.contrasts_section import show_contrasts, show_cost
from pages.parts.compare.depth_section import show_depth_curve
from pages.parts.compare.fairness_badge import show_fairness
from pages.parts.growth.growth_line import show_growth
from pages.parts.shared.accuracy_bars import show_accuracy_bars
from pages.parts.shared.curve_controls import show_curves
from pages.parts.shared.run_picker import choose_runs, select_run
from pages.parts.shared.services import Services, get_services
from pages.parts.shared.show import show_empty_page, show_table

MAX_COMPARED = MAX_SEEDS * MAX_STRATEGIES
"""Runs of the largest study."""


def main() -> None:
    services = get_services()
    st.title("Compare")
    listed = services.store.runs()
    runs = choose_runs(listed, MAX_COMPARED)
    try:
        if runs:
            show_growth(services, runs)
            _show(services, runs)
        elif not listed:
            show_empty_page(
                "There is nothing to compare yet. Train on the sample set or set up a study.",
                ("pages/home.py", "Train on the sample set", ":material/home:"),
                ("pages/train.py", "Set up a study", ":material/model_training:"),
            )
    except NoSuchRun:  # a folder was deleted while the page was drawn; the rerun shows a warning
        st.rerun()


def _show(services: Services, runs: Sequence[AnyRun]) -> None:
    rows, names = [summarise(services.store, run) for run in runs], run_labels(runs)
    summary = st.container()  # shown first, but depends on the equivalence margin that is chosen below
    _show_unfinished(runs)
    verdict = judge(services.store, runs)
    if verdict.groups:
        st.subheader("On the test images")
        show_accuracy_bars(verdict, runs, rows, "test-accuracy")
    verdict = show_contrasts(verdict)
    with summary:
        st.markdown(escape_markdown(headline(verdict)))
        show_fairness(verdict, runs)
    show_depth_curve(verdict, runs, rows)
    show_cost(verdict, runs, rows)
    metrics = {run.id: services.store.metrics(run.id) for run in runs}
    if any(rows.epochs or rows.steps for rows in metrics.values()):
        st.subheader("Learning curves")
        show_curves(runs, metrics)
        baseline = _show_table(rows, names)
        show_details(services, runs, rows, names, baseline)
    elif all(run.state.is_finished for run in runs):
        st.markdown("None of these runs finished an epoch, so there are no curves. The Runs page shows why.")
        st.page_link(
            "pages/runs.py",
            label="See why",
            icon=":material/monitoring:",
            query_params={"run": [run.id for run in runs]},
        )


def _show_unfinished(runs: Sequence[AnyRun]) -> None:
    """The number of runs that are not finished, with a link to the page that follows them."""
    unfinished = [run for run in runs if not run.state.is_finished]
    if unfinished:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"{len(unfinished)} of {count(len(runs), 'run')} {'is' if len(unfinished) == 1 else 'are'} still "
                "waiting or training.",
                width="content",
            )
            st.page_link(
                "pages/runs.py",
                label="Show progress",
                icon=":material/monitoring:",
                query_params={"run": [run.id for run in runs]},
            )


def _show_table(rows: Sequence[Summary], names: dict[str, str]) -> str:
    """Show the measurements of each run, and return the id of the baseline."""
    st.subheader("Measurements")
    baseline = select_run(
        "Baseline",
        [row.id for row in rows],
        names,
        "baseline",
        "Differences are relative to this run, in percentage points.",
        width=360,
    )
    table, formats = comparison_table(rows, names, baseline)
    show_table(
        table,
        "comparison",
        "Measurements of each run and differences from the baseline",
        formats,
        column_config={"Run": st.column_config.TextColumn(pinned=True)},
    )
    return baseline


main()
