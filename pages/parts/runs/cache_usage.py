"""Size and content of the feature cache, its limit, and a button that clears it."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.text import duration, local_time, size
from core.data.cache.feature_cache import FeatureCache
from core.experiment.runs.run import AnyRun
from pages.parts.shared.services import show_error
from pages.parts.shared.show import show_table


def show_cache_usage(runs: Sequence[AnyRun]) -> None:
    """Show the entries of the feature cache, the time that it saved these runs, and controls to limit and clear it."""
    feature_cache = FeatureCache()
    entries = feature_cache.entries()
    with st.expander(f"Feature cache: {size(sum(entry.bytes for entry in entries))}"):
        st.caption(
            "Decoded images and features of the frozen layers. Later runs read them instead of computing them again. "
            "When the cache is full, the least recently used entries are deleted."
        )
        saved = sum(run.status.saved_seconds for run in runs)
        if saved >= 1:
            st.markdown(f"All runs together saved **{duration(saved)}** of computation.")
        if entries:
            show_table(
                [
                    {"Content": entry.description, "Size": entry.bytes, "Last used": local_time(entry.last_used)}
                    for entry in entries
                ],
                "feature-cache",
                "Entries of the feature cache",
                {"Size": size},
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            limit = st.number_input(
                "Size limit in GB",
                0.0,
                10_000.0,
                feature_cache.budget / 1e9,
                step=1.0,
                key="kept-room",
                width=200,
                help="Default: 20 GB, or a quarter of the free disk space if that is less.",
            )
            if round(limit * 1e9) != feature_cache.budget:
                st.button("Set limit", on_click=_set_limit, args=(feature_cache, round(limit * 1e9)))
            if entries:
                with st.popover("Clear", type="tertiary"):
                    st.markdown("Trained models are not affected. The next run computes its features again.")
                    st.button("Clear the cache", on_click=feature_cache.clear)


def _set_limit(feature_cache: FeatureCache, budget: int) -> None:
    try:
        feature_cache.set_budget(budget)
    except (ValueError, OSError) as error:
        show_error(error)
