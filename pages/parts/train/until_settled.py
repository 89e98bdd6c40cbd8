"""Whether a study has a fixed number of seeds, or grows until it is settled."""

import streamlit as st

from core.analysis.text import join_words
from core.experiment.growth_limits import LOOKS, MAX_SEEDS, GrowthLimits
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
        most = st.number_input("Seeds, at most", 2, MAX_SEEDS, key="max-seeds", width=140, **PERSISTENT)
        minutes = st.number_input(
            "Minutes, at most",
            1.0,
            None,
            None,
            key="max-minutes",
            width=180,
            placeholder="no limit",
            help="Training time of all runs together, after which no more seeds are added.",
            **PERSISTENT,
        )
    return GrowthLimits(most, minutes)
