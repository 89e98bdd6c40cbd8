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


def show_accuracy_bars(verdict: Verdict, runs: Sequence[AnyRun], rows: Sequence[Summary], name: str) -> None:
    """Show the chart, if a run has been tested. `name` is the file name of its downloads."""
    if not verdict.groups:
        return
    colours = run_colours(runs)
    if verdict.has_several_seeds:
        show_chart(setting_bars(verdict.groups, colours), name, "Test accuracy of each setting, mean and seeds")
        st.caption("Bars show means over seeds with their 95% intervals on images like these, dots the single seeds.")
    else:
        show_chart(
            accuracy_bars(rows, run_labels(runs), colours), name, "Test accuracy of each run with its 95% interval"
        )
        st.caption(
            "Lines are 95% intervals for the accuracy of each model on all images of the same kind. They do not show "
            "variation between seeds."
        )
