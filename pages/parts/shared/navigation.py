"""Which pages there are."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_NAVIGATED = "navigated"


def navigate() -> StreamlitPage:
    """The page that the URL asks for."""
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


def expect_navigation() -> None:
    """Run again through `dashboard.py` where Streamlit has run a page's file by itself.

    It does so for a server's first visitor, where a link leads straight to a page: before `st.navigation` was called
    once it takes every file in a folder named pages for a page of its older kind.
    """
    if _NAVIGATED not in st.session_state:
        navigate()
        st.rerun()
