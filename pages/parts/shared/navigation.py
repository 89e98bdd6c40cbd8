"""The pages of the dashboard."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_NAVIGATED = "navigated"


def navigate() -> StreamlitPage:
    """Register the pages, and return the one in the URL."""
    st.session_state[_NAVIGATED] = True
    return st.navigation(
        [
            st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
            st.Page("pages/data.py", title="Data", icon=":material/photo_library:"),
            st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/monitoring:"),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
            st.Page("pages/predict.py", title="Predict", icon=":material/image_search:"),
        ]
    )


def ensure_navigation() -> None:
    """Rerun through `dashboard.py` if Streamlit has run a page's file directly.

    That happens if the first browser of a server opens the URL of a page: before the first call of `st.navigation`,
    Streamlit treats every file in a folder named pages as a page.
    """
    if _NAVIGATED not in st.session_state:
        navigate()
        st.rerun()
