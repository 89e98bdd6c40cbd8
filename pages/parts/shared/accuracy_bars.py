"""Bar chart of test accuracies, of runs or, if there are several seeds, of settings."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.bars import accuracy_bars, setting_bars
from core.analysis.charts.palette import run_colours
from core.analysis.comparison.verdict import Verdict
from core.analysis.results.settings import run_labels
from core.analysis.results.summary import Summary
from core.experiment.runs.run import AnyRun
from pages.parts.shared.show import show_chart

MAX_BARS = 12
"""Largest number of settings that are drawn: the rates of a sweep."""


def show_accuracy_bars(verdict: Verdict, runs: Sequence[AnyRun], rows: Sequence[Summary], name: str) -> None:
    """Show the chart of the best settings, if a run has been tested. `name` is the file name of its downloads."""
    if not verdict.groups:
        return
    colours, groups = run_colours(runs), verdict.groups[:MAX_BARS]
    left_out = f" Drawn: the best {MAX_BARS} of {len(verdict.groups)}." if len(verdict.groups) > MAX_BARS else ""
    if left_out:
        drawn = {result.run_id for group in groups for result in group.results}
        rows = [row for row in rows if row.id in drawn]
    if verdict.has_several_seeds:
        show_chart(setting_bars(groups, colours), name, "Test accuracy of each setting, mean and seeds")
        st.caption(
            "Bars show means over seeds with their 95% intervals on images like these, dots the single seeds."
            f"{left_out}"
        )
    else:
        show_chart(
            accuracy_bars(rows, run_labels(runs), colours),
            name,
            "Test accuracy of each run with its 95% interval",
        )
        st.caption(
            "Lines are 95% intervals for the accuracy of each model on all images of the same kind. They do not show "
            f"variation between seeds.{left_out}"
        )
