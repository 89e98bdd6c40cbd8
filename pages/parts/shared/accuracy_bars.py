"""Test accuracies as bars: of runs, or of settings where those have several seeds."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.bars import accuracy_bars, setting_bars
from core.analysis.charts.palette import run_colours
from core.analysis.comparison.verdict import Verdict
from core.analysis.results.settings import run_labels
from core.analysis.results.summary import Summary
from core.experiment.runs.run import AnyRun
from pages.parts.shared.show import show_chart


def show_bars(verdict: Verdict, runs: Sequence[AnyRun], rows: Sequence[Summary], name: str) -> None:
    """Nothing where no run was measured. `name` is that of the downloads."""
    if not verdict.groups:
        return
    hues = run_colours(runs)
    if verdict.has_several_seeds:
        show_chart(
            setting_bars(verdict.groups, hues), name, "Mean test accuracy of each setting, and that of each seed"
        )
        st.caption("Bars are means over seeds, dots the seeds.")
    else:
        show_chart(accuracy_bars(rows, run_labels(runs), hues), name, "Test accuracy of each run with its 95% interval")
        st.caption(
            "The lines are 95% intervals: what each model would get on many more images of the same kind. "
            "They do not tell how another seed would train."
        )
