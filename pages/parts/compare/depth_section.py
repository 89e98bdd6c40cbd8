"""How deep it pays to unfreeze: shown where runs differ in nothing else."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.depth import depth_chart
from core.analysis.comparison.depth import depth_curve, describe_depths, guideline_depth
from core.analysis.comparison.verdict import Verdict
from core.analysis.results.summary import Summary
from core.analysis.text import escape_markdown
from core.experiment.runs.run import AnyRun
from pages.parts.shared.show import show_chart

_SHOWN = {
    "accuracy": "Test accuracy over the number of open layers",
    "seconds": "Training time over the number of open layers",
    "gap": "Training minus validation accuracy over the number of open layers",
}


def show_depth_curve(verdict: Verdict, runs: Sequence[AnyRun], rows: Sequence[Summary]) -> None:
    """Accuracy over depth, with time and gap beside it; nothing where there are not depths enough."""
    depths = depth_curve(verdict.groups, runs, rows)
    if not depths:
        return
    st.subheader("How deep to unfreeze")
    rule = guideline_depth(verdict.groups)
    for column, (measure, what) in zip(st.columns([2, 1, 1]), _SHOWN.items(), strict=True):
        with column:
            show_chart(depth_chart(depths, measure, rule if measure == "accuracy" else None), f"depth-{measure}", what)
    marks = f"Shaded: the rule of thumb, {rule.reason} Dotted: the course's 30." if rule else ""
    st.caption(escape_markdown(f"{describe_depths(depths)} {marks}".strip()))
