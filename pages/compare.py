"""Compare: which runs are best, and the measurements behind it."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.analysis.comparison.headline import headline
from core.analysis.comparison.pairs.pairwise import setting_intervals
from core.analysis.comparison.run_table import comparison_table
from core.analysis.comparison.verdict import Verdict, judge
from core.analysis.results.setting_results import SettingResults, has_several_seeds, setting_results
from core.analysis.results.settings import run_labels
from core.analysis.statistics.wilson_interval import Interval
from core.analysis.text import count, escape_markdown
from core.experiment.growth_limits import MAX_SEEDS
from core.experiment.preset import MAX_SETTINGS
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.compare.compare_tabs import show_details
from pages.parts.compare.contrasts_section import show_contrasts, show_cost
from pages.parts.compare.depth_section import show_depth_curve
from pages.parts.compare.fairness_badge import show_fairness
from pages.parts.compare.rates_section import show_rates
from pages.parts.growth.growth_line import show_growth
from pages.parts.shared.accuracy_bars import show_accuracy_bars
from pages.parts.shared.curve_controls import show_curves
from pages.parts.shared.run_picker import choose_runs, select_run
from pages.parts.shared.services import Services, get_services
from pages.parts.shared.show import show_empty_page, show_table

MAX_COMPARED = MAX_SEEDS * MAX_SETTINGS
"""Runs of the largest study."""


def main() -> None:
    services = get_services()
    st.title("Compare")
    listed = services.store.runs()
    runs = choose_runs(listed, MAX_COMPARED)
    try:
        if runs:
            show_growth(services, runs, with_finding=False)  # the headline below has it
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
    settings, names = setting_results(services.store, runs), run_labels(runs)
    _replace_run_in_link(settings, names)
    summaries = {run.summary.id: run.summary for setting in settings for run in setting.runs}
    rows = [summaries[run.id] for run in runs]
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
        show_rates(verdict, runs, rows)
    show_depth_curve(verdict, runs, rows)
    show_cost(verdict, runs, rows)
    metrics = {run.id: services.store.metrics(run.id) for run in runs}
    if any(rows.epochs or rows.steps for rows in metrics.values()):
        st.subheader("Learning curves")
        show_curves(runs, metrics)
        baseline = _show_table(settings, verdict)
        show_details(services, runs, settings, names, verdict, baseline)
    elif all(run.state.is_finished for run in runs):
        st.markdown("None of these runs finished an epoch, so there are no curves. The Runs page shows why.")
        st.page_link(
            "pages/runs.py",
            label="See why",
            icon=":material/monitoring:",
            query_params={"run": [run.id for run in runs]},
        )


def _replace_run_in_link(settings: Sequence[SettingResults], names: dict[str, str]) -> None:
    """Links may name a run as the baseline, by its id or its label in `names`: replace it by its setting."""
    baseline = st.query_params.get("baseline", "")
    for setting in settings:
        ids = [run.summary.id for run in setting.runs]
        if baseline != setting.name and baseline in (*ids, *(names[run_id] for run_id in ids)):
            st.query_params["baseline"] = setting.name
            st.rerun()  # the list of baselines reads the address as it was when the page began


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


def _show_table(settings: Sequence[SettingResults], verdict: Verdict) -> SettingResults:
    """Show the measurements of each setting, and return the baseline."""
    st.subheader("Measurements")
    several, names = has_several_seeds(settings), {setting.id: setting.name for setting in settings}
    chosen = select_run(
        "Baseline",
        list(names),
        names,
        "baseline",
        "Differences are relative to this setting, over the seeds that both have, in percentage points."
        if several
        else "Differences are relative to this run, in percentage points.",
        width=360,
    )
    baseline = next(setting for setting in settings if setting.id == chosen)
    _show_rows(settings, baseline, "comparison", setting_intervals(verdict.groups))
    if several:
        st.caption(
            "Means over seeds. 95% from, to: interval of the mean test accuracy on such images; with one seed, of that "
            "model's accuracy."
        )
        _show_seeds(settings, baseline)
    return baseline


def _show_rows(
    settings: Sequence[SettingResults],
    baseline: SettingResults,
    name: str,
    intervals: Mapping[str, Interval | None] = {},
) -> None:
    table, formats = comparison_table(settings, baseline, intervals)
    show_table(
        table,
        name,
        "Measurements of each setting and differences from the baseline",
        formats,
        column_config={next(iter(table[0])): st.column_config.TextColumn(pinned=True)},
    )


def _show_seeds(settings: Sequence[SettingResults], baseline: SettingResults) -> None:
    """Show the runs of one setting in an expander; differences are to the same seeds of the baseline."""
    with st.expander("Seeds of a setting"):
        several = {setting.id: setting for setting in settings if len(setting.runs) > 1}
        names = {setting_id: setting.name for setting_id, setting in several.items()}
        chosen = select_run("Setting", list(several), names, "seeds-of", width=360)
        _show_rows(several[chosen].apart(), baseline, "seeds")


main()
