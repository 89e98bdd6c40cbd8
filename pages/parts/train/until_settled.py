"""Whether a study has a fixed number of seeds, or grows until it is settled."""

import streamlit as st

from core.analysis.text import count, join_words
from core.experiment.preset import MAX_SEEDS
from core.experiment.runs.growth import LOOKS, GrowthLimits
from pages.parts.shared.form import FIXED, PERSISTENT, UNTIL_SETTLED, grows


def choose_growth() -> GrowthLimits | None:
    """Show the choice; return the limits of a study that grows, or None for a fixed number of seeds."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Seeds",
            [FIXED, UNTIL_SETTLED],
            key="seed-plan",
            required=True,
            **PERSISTENT,
            help=f"Until settled: begins with {LOOKS[0]} seeds of each strategy and goes on to {join_words(LOOKS[1:])} "
            "until it is known which strategy is best, or that the best two are practically equal. Strategies that "
            "are worse than the best are not trained further.",
        )
        if not grows():
            return None
        most = st.number_input("At most", 2, MAX_SEEDS, key="max-seeds", width=120, **PERSISTENT)
    return GrowthLimits(most)


def describe_plan(limits: GrowthLimits) -> str:
    """`3 seeds of each strategy first, then more until it is settled, at most 20.`"""
    first = f"{count(limits.looks[0], 'seed')} of each strategy first"
    return f"{first}, then more until it is settled, at most {limits.max_seeds}." if limits.looks[1:] else f"{first}."
