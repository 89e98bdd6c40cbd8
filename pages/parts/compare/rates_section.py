"""Accuracy over the learning rate of the head, for runs that differ only in that and the dropout."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.rates import TITLES, rates_chart
from core.analysis.comparison.rates import describe_rates, rate_sweep_of
from core.analysis.comparison.verdict import Verdict
from core.analysis.results.summary import Summary
from core.analysis.text import escape_markdown
from core.experiment.runs.run import AnyRun
from pages.parts.shared.show import show_chart


def show_rates(verdict: Verdict, runs: Sequence[AnyRun], rows: Sequence[Summary]) -> None:
    """Show validation and test accuracy over the rate, and a link that takes the best rate to the Train page."""
    sweep = rate_sweep_of(verdict.groups, runs, rows, verdict.margin)
    if sweep is None:
        return
    st.subheader("How much the learning rate matters")
    st.markdown(escape_markdown(describe_rates(sweep)))
    st.page_link(
        "pages/train.py",
        label="Train with this rate",
        icon=":material/model_training:",
        query_params={"rate-of": sweep.best.run_id},
        help="Fills the Train page with these images and settings, and the best rate by validation for the head",
    )
    for column, (measure, title) in zip(st.columns(2), TITLES.items(), strict=True):
        with column:
            show_chart(rates_chart(sweep, measure), f"rates-{measure}", f"{title} over the learning rate of the head")
    shaded = " Shaded: rates within the equivalence margin of it." if len(sweep.equivalent) > 1 else ""
    bands = " Bands: 95% intervals of the mean over seeds." if len(sweep.best.validation) > 1 else ""
    st.caption(escape_markdown(f"Star: the best rate by validation accuracy.{shaded}{bands}"))
