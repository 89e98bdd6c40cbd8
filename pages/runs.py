"""Runs: progress of training, and results."""

import streamlit as st

from pages.parts.growth.growth_line import show_growth
from pages.parts.runs.cache_usage import show_cache_usage
from pages.parts.runs.live import show_live_runs
from pages.parts.shared.run_picker import choose_runs
from pages.parts.shared.services import get_services
from pages.parts.shared.show import show_empty_page


def main() -> None:
    services = get_services()
    st.title("Runs")
    listed = services.store.runs()
    runs = choose_runs(listed)
    if runs:
        show_growth(services, runs)
        show_live_runs(services, runs)
        show_cache_usage(listed)
    elif not listed:
        show_empty_page(
            "No model has been trained yet. Set up a study, or try the sample set on Home.",
            ("pages/train.py", "Set up a study", ":material/model_training:"),
            ("pages/home.py", "Home", ":material/home:"),
        )


main()
