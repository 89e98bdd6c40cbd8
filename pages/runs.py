"""Runs as they train, and what became of them."""

import streamlit as st

from pages.parts.runs.cache_usage import show_kept
from pages.parts.runs.live import watch
from pages.parts.shared.run_picker import choose_runs
from pages.parts.shared.services import get_services
from pages.parts.shared.show import empty


def main() -> None:
    services = get_services()
    st.title("Runs")
    listed = services.store.runs()
    runs = choose_runs(listed)
    if runs:
        watch(services, runs)
        show_kept(listed)
    elif not listed:
        empty(
            "Nothing has trained yet. Set up a study, or try the sample set from Home.",
            ("pages/train.py", "Set up a study", ":material/model_training:"),
            ("pages/home.py", "Home", ":material/home:"),
        )


main()
