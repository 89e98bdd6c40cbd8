"""What is kept of earlier computation: how much, what for, and the button that clears it."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.text import duration, moment_of, size
from core.data.cache.feature_cache import Shelves
from core.experiment.run import Run
from pages.parts.shared.services import refuse
from pages.parts.shared.show import show_table


def show_kept(runs: Sequence[Run]) -> None:
    """The shelves in a table, what these runs took from them, the budget, and a way to clear them that asks once."""
    shelves = Shelves()
    kept = shelves.kept()
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
                [{"What": one.what, "Size": one.bytes, "Last used": moment_of(one.used)} for one in kept],
                "kept",
                "What is kept of earlier computation",
                {"Size": size},
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            room = st.number_input(
                "Room for it, in GB",
                0.0,
                10_000.0,
                shelves.budget / 1e9,
                step=1.0,
                key="kept-room",
                width=200,
                help="By default 20 GB, or a quarter of the free space if that is less.",
            )
            if round(room * 1e9) != shelves.budget:
                st.button("Set", on_click=_set, args=(shelves, round(room * 1e9)))
            if kept:
                with st.popover("Clear", type="tertiary"):
                    st.markdown("Nothing trained is lost; the next run computes it again.")
                    st.button("Clear all of it", on_click=shelves.clear)


def _set(shelves: Shelves, budget: int) -> None:
    try:
        shelves.set_budget(budget)
    except (ValueError, OSError) as error:
        refuse(error)
