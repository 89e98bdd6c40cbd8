"""A badge that shows whether settings were compared like for like, and which conditions differ."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.comparison.fairness import fairness
from core.analysis.comparison.verdict import Verdict
from core.analysis.text import escape_markdown, join_words, lower_first
from core.experiment.runs.run import AnyRun


def show_fairness(verdict: Verdict, runs: Sequence[AnyRun]) -> None:
    """Show the badge and its checks, if there are at least two settings to compare."""
    found = fairness(verdict, runs)
    if found is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if found.is_fair:
            st.badge("Like for like", icon=":material/balance:", color="green")
        else:
            different = join_words(lower_first(check.aspect) for check in found.different)
            st.badge(f"Not like for like: {different}", icon=":material/balance:", color="orange")
        with st.popover("Conditions compared", type="tertiary"):
            for check in found.checks:
                mark = ":green[:material/check:]" if check.is_same else ":orange[:material/close:]"
                st.markdown(f"{mark} **{check.aspect}**: {escape_markdown(check.finding)}")
            st.caption(escape_markdown(found.rates))
