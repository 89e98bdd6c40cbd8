"""What is kept of earlier computation: how much, what for, and the button that clears it."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.text import duration, local_time, size
from core.data.cache.feature_cache import FeatureCache
from core.experiment.runs.run import AnyRun
from pages.parts.shared.services import refuse
from pages.parts.shared.show import show_table


def show_kept(runs: Sequence[AnyRun]) -> None:
    """The shelves in a table, what these runs took from them, the budget, and a way to clear them that asks once."""
    feature_cache = FeatureCache()
    kept = feature_cache.entries()
    with st.expander(f"Kept computation: {size(sum(one.bytes for one in kept))}"):
        st.caption(
            "Decoded images, and what the frozen part of a network says of them. Later runs take it from here "
            "instead of computing it again; what was used least goes first when the room runs out."
        )
        saved = sum(run.status.saved_seconds for run in runs)
        if saved >= 1:
            st.markdown(f"The runs in the list took **{duration(saved)}** of computing from it.")
        if kept:
            show_table(
                [{"What": one.what, "Size": one.bytes, "Last used": local_time(one.used)} for one in kept],
                "kept",
                "What is kept of earlier computation",
                {"Size": size},
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            room = st.number_input(
                "Room for it, in GB",
                0.0,
                10_000.0,
                feature_cache.budget / 1e9,
                step=1.0,
                key="kept-room",
                width=200,
                help="By default 20 GB, or a quarter of the free space if that is less.",
            )
            if round(room * 1e9) != feature_cache.budget:
                st.button("Set", on_click=_set, args=(feature_cache, round(room * 1e9)))
            if kept:
                with st.popover("Clear", type="tertiary"):
                    st.markdown("Nothing trained is lost; the next run computes it again.")
                    st.button("Clear all of it", on_click=feature_cache.clear)


def _set(feature_cache: FeatureCache, budget: int) -> None:
    try:
        feature_cache.set_budget(budget)
    except (ValueError, OSError) as error:
        refuse(error)
