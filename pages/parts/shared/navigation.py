"""The pages of the dashboard, and what is shown at an address that has none."""

from functools import partial
from urllib.parse import unquote, urlsplit

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core.analysis.text import escape_markdown, shorten
from pages.parts.shared.show import show_empty_page

_NAVIGATED = "navigated"
_LINKS = (
    ("pages/home.py", "Home", ":material/home:"),
    ("pages/train.py", "Set up a study", ":material/model_training:"),
    ("pages/runs.py", "Runs", ":material/monitoring:"),
)
_OTHER_NAMES = {
    **dict.fromkeys(("home", "index", "index.html", "main", "start", "dashboard"), ""),
    **dict.fromkeys(("dataset", "datasets", "images", "upload"), "data"),
    **dict.fromkeys(("training", "study", "new"), "train"),
    **dict.fromkeys(("run", "live", "results", "experiments"), "runs"),
    **dict.fromkeys(("comparison", "verdict"), "compare"),
    **dict.fromkeys(("prediction", "predictions", "inference"), "predict"),
}
"""Addresses that people type or have kept from earlier versions, and the address of the page that they mean."""


def meant_page(address: str) -> str:
    """The address of the page that was probably meant: `Predictions ` -> `predict`; Home has the address ""."""
    name = address.strip().lower()
    return _OTHER_NAMES.get(name, name)


def navigate() -> StreamlitPage:
    """Register the pages, and return the one in the URL."""
    return _open(
        [
            st.Page("pages/home.py", title="Home", icon=":material/home:", url_path="", default=True),
            st.Page("pages/data.py", title="Data", icon=":material/photo_library:"),
            st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/monitoring:"),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
            st.Page("pages/predict.py", title="Predict", icon=":material/image_search:"),
        ]
    )


def _open(pages: list[StreamlitPage]) -> StreamlitPage:
    """The page in the URL: one of `pages`, or a hidden one at an address that has none.

    At an unknown address Streamlit would show Home, and a dialog of its own over it. (The first browser of a server
    still sees that dialog: Streamlit looks for the page before it runs `dashboard.py`.) Behind a proxy the address may
    be a part of the proxy's path; then nothing opens the hidden page.
    """
    address = unquote(urlsplit(st.context.url or "").path.rstrip("/").rpartition("/")[2])
    path = address.strip().replace("/", "-")
    known = {page.url_path: page for page in pages}
    opened = known.get(path) or _hidden_page(address, path, known.get(meant_page(address)))
    is_first_run = _NAVIGATED not in st.session_state
    st.session_state[_NAVIGATED] = True
    if path != address and is_first_run:  # no page of Streamlit's can have a slash or outer spaces in its address
        _redirect(opened)
    return st.navigation(pages if path in known else [*pages, opened])


def _hidden_page(address: str, path: str, meant: StreamlitPage | None) -> StreamlitPage:
    """A page that opens the one that was meant, or names the address if that is unknown."""
    show = partial(_redirect, meant) if meant else partial(_show_not_found, address)
    return st.Page(show, title="Page not found", url_path=path, visibility="hidden")


def _redirect(target: StreamlitPage) -> None:
    st.switch_page(target, query_params=st.query_params.to_dict())


def _show_not_found(address: str) -> None:
    st.title("Page not found")
    show_empty_page(f"Expected the address of a page; received {escape_markdown(shorten(address))}.", *_LINKS)


def ensure_navigation() -> None:
    """Rerun through `dashboard.py` if Streamlit has run a page's file directly.

    That happens if the first browser of a server opens the URL of a page: before the first call of `st.navigation`,
    Streamlit treats every file in a folder named pages as a page.
    """
    if _NAVIGATED not in st.session_state:
        navigate()
        st.rerun()
