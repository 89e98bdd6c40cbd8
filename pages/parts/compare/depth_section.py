"""Accuracy, time and gap over the number of unfrozen layers, for runs that differ only in that."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.depth import depth_chart
from core.analysis.comparison.depth import common_base, depth_curve, describe_depths, guideline_depth
from core.analysis.comparison.verdict import Verdict
from core.analysis.results.summary import Summary
from core.analysis.text import escape_markdown
from core.experiment.runs.run import AnyRun
from pages.parts.shared.show import show_chart

_SHOWN = {
    "accuracy": "Test accuracy over the number of unfrozen layers",
    "seconds": "Training time over the number of unfrozen layers",
    "gap": "Training minus validation accuracy over the number of unfrozen layers",
}


def show_depth_curve(verdict: Verdict, runs: Sequence[AnyRun], rows: Sequence[Summary]) -> None:
    """Show accuracy, training time and gap over depth, if the runs have enough depths for a curve."""
    depths = depth_curve(verdict.groups, runs, rows)
    if not depths:
        return
    st.subheader("How deep to unfreeze")
    base = common_base(runs)
    rule = guideline_depth(verdict.groups, base) if base else None
    default = base.default_depth if base and rule else None
    for column, (measure, alt) in zip(st.columns([2, 1, 1]), _SHOWN.items(), strict=True):
        with column:
            marks = (rule, default) if measure == "accuracy" else ()
            show_chart(depth_chart(depths, measure, *marks), f"depth-{measure}", alt)
    legend = f"Shaded: rule of thumb, {rule.reason} Dotted: the default, {default} layers." if rule else ""
    st.caption(escape_markdown(f"{describe_depths(depths)} {legend}".strip()))
