"""What the verdict rests on: every pair of settings, what counts as a difference, and what accuracy costs."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.contrasts import contrast_chart, shown_contrasts
from core.analysis.charts.cost import cost_chart
from core.analysis.charts.palette import run_colours
from core.analysis.comparison.contrast_table import contrast_table
from core.analysis.comparison.cost import TRAINING_TIME, describe_cost, trained_parameters
from core.analysis.comparison.verdict import Verdict
from core.analysis.results.summary import Summary
from core.analysis.text import escape_markdown
from core.experiment.runs.run import AnyRun
from pages.parts.shared.show import show_chart, show_table

_TIME, _PARAMETERS = "Training time", "Parameters that train"


def show_contrasts(verdict: Verdict) -> Verdict:
    """A chart and a table of all pairs; returns the verdict for the zone that the visitor asks for."""
    if not verdict.contrasts:
        return verdict
    st.subheader("Differences")
    chart = st.container()
    with st.expander("Pairs in figures"):
        zone = st.number_input(
            "Points that make no difference",
            0.0,
            20.0,
            1.0,
            0.5,
            key="zone",
            width=240,
            bind="query-params",
            help="Two settings are practically equal where the whole interval lies this close to zero.",
        )
        verdict = verdict.with_margin(zone / 100)
        rows, formats = contrast_table(verdict)
        show_table(rows, "pairs", "Every pair of settings with its difference, interval and p", formats)
        st.caption("p: how often chance alone would make a difference as large, raised for the number of pairs (Holm).")
    with chart:
        show_chart(
            contrast_chart(verdict),
            "differences",
            "Difference of each pair of settings in points, with its 95% interval",
        )
        some = "" if len(shown_contrasts(verdict)) == len(verdict.contrasts) else "Drawn: the best against each. "
        st.caption(
            escape_markdown(
                f"{some}{_method(verdict)} The shaded zone counts as no difference; open marks are not settled."
            )
        )
    return verdict


def show_cost(verdict: Verdict, runs: Sequence[AnyRun], rows: Sequence[Summary]) -> None:
    """What accuracy costs in training time or in parameters; nothing where there is nothing to weigh."""
    if len(verdict.groups) < 2 or not all(group.seconds for group in verdict.groups):
        return
    st.subheader("Cost")
    known = all(row.trainable_parameters for row in rows if row.test_accuracy is not None)
    which = (
        st.segmented_control(
            "Cost in", [_TIME, _PARAMETERS], default=_TIME, required=True, key="cost", bind="query-params"
        )
        if known
        else _TIME
    )
    cost = trained_parameters(rows) if which == _PARAMETERS else TRAINING_TIME
    show_chart(
        cost_chart(verdict.groups, run_colours(runs), cost), "cost", "Test accuracy of each setting over what it costs"
    )
    times = "" if which == _PARAMETERS else "Times are what training takes with nothing kept before. "
    st.caption(
        escape_markdown(
            f"{describe_cost(verdict.groups, cost)} {times}Upright lines reach from the worst seed to the best."
        )
    )


def _method(verdict: Verdict) -> str:
    """How the intervals were made."""
    if any(contrast.seeds > 1 for contrast in verdict.contrasts):
        return (
            "Intervals are over seeds, by the corrected resampled t-test: seeds train on much the same images, "
            "which a plain t-test would overlook."
        )
    if any(contrast.is_paired for contrast in verdict.contrasts):
        return "Intervals are over the test images, image by image, for one training of each."
    return "Intervals are over the test images, which were not compared image by image."
