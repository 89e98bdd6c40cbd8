"""Differences between all pairs of settings, the equivalence margin, and accuracy against cost."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.contrasts import contrast_chart, shown_contrasts
from core.analysis.charts.cost import cost_chart
from core.analysis.charts.palette import run_colours
from core.analysis.comparison.cost import TRAINING_TIME, describe_cost, parameter_cost
from core.analysis.comparison.pairs.contrast_table import contrast_table
from core.analysis.comparison.verdict import Verdict
from core.analysis.results.summary import Summary
from core.analysis.text import escape_markdown
from core.experiment.runs.run import AnyRun
from pages.parts.shared.show import show_chart, show_table

_TIME, _PARAMETERS = "Training time", "Trainable parameters"


def show_contrasts(verdict: Verdict) -> Verdict:
    """Show a chart and a table of all pairs, and return the verdict at the chosen equivalence margin."""
    if not verdict.contrasts:
        return verdict
    st.subheader("Differences")
    chart = st.container()
    with st.expander("All pairs as a table"):
        margin = st.number_input(
            "Equivalence margin",
            0.0,
            20.0,
            1.0,
            0.5,
            key="zone",
            width=240,
            bind="query-params",
            help="In percentage points. Two settings are practically equal if the whole interval of their difference "
            "lies within this distance of zero.",
        )
        verdict = verdict.with_margin(margin / 100)
        rows, formats = contrast_table(verdict)
        show_table(rows, "pairs", "All pairs of settings with difference, interval and p", formats)
        st.caption(
            "Intervals and p are adjusted for the number of pairs (Shaffer 1986). Higher is better, practically equal, "
            "lower is better: probabilities that the difference is above the margin, within it, or below it. Next "
            "training better: probability that another training of the first setting beats another of the second."
        )
    with chart:
        show_chart(
            contrast_chart(verdict),
            "differences",
            "Difference of each pair of settings in points, with its 95% interval",
        )
        st.caption(
            escape_markdown(
                f"{_left_out(verdict)}{_method(verdict)} Shaded: the equivalence margin. Open marks: too close to call."
            )
        )
    return verdict


def show_cost(verdict: Verdict, runs: Sequence[AnyRun], rows: Sequence[Summary]) -> None:
    """Show accuracy against training time or parameters, if at least two settings have known training times."""
    if len(verdict.groups) < 2 or not all(group.seconds for group in verdict.groups):
        return
    st.subheader("Cost")
    has_parameters = all(row.trainable_parameters for row in rows if row.test_accuracy is not None)
    which = (
        st.segmented_control(
            "Cost in", [_TIME, _PARAMETERS], default=_TIME, required=True, key="cost", bind="query-params"
        )
        if has_parameters
        else _TIME
    )
    cost = parameter_cost(rows) if which == _PARAMETERS else TRAINING_TIME
    show_chart(
        cost_chart(verdict.groups, run_colours(runs), cost), "cost", "Test accuracy of each setting over its cost"
    )
    times = "" if which == _PARAMETERS else "Times are those of training without cached features. "
    st.caption(escape_markdown(f"{describe_cost(verdict.groups, cost)} {times}Vertical lines: range over seeds."))


def _left_out(verdict: Verdict) -> str:
    """Which pairs are not drawn."""
    drawn = len(shown_contrasts(verdict))
    if drawn == len(verdict.contrasts):
        return ""
    rivals = len(verdict.groups) - 1
    which = "pairs" if drawn == rivals else f"the {drawn} closest of {rivals} pairs"
    return f"Only {which} with the best setting are drawn. "


def _method(verdict: Verdict) -> str:
    """How the intervals were computed."""
    source = "the predictions for single images" if verdict.contrasts[0].is_paired else "the accuracies"
    if verdict.has_several_seeds:
        return f"Intervals are computed from {source} and the differences between seeds."
    return (
        f"Intervals are computed from {source}. With one seed, how much trainings vary is assumed: by about 2 points."
    )
