"""Thumbnails of a class, a page at a time."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import streamlit as st

from core.analysis.text import escape_markdown, shorten
from core.data.datasets.reports import Report
from core.data.datasets.scan import ImageFile
from core.data.datasets.thumbnails import ThumbnailCache

A_PAGE = 24
_WIDTH = 104  # three beside each other on a phone
_SPLITS = {"All": None, "Training": "train", "Validation": "validation", "Test": "test"}


def show_gallery(report: Report) -> list[ImageFile]:
    """Choose a class and a split, see its images; returns those of the page shown."""
    classes = report.dataset.classes
    if st.session_state.get("class", classes[0]) not in classes:  # it was a class of other images
        st.session_state["class"], st.session_state["page"] = classes[0], 1
    with st.container(horizontal=True):
        label = st.selectbox("Class", classes, key="class", bind="query-params", on_change=_first_page, width=320)
        split = (
            st.segmented_control(
                "Part",
                list(_SPLITS),
                default="All",
                required=True,
                key="part",
                bind="query-params",
                on_change=_first_page,
            )
            if report.manifest
            else "All"
        )
    found = report.pictures(label, _SPLITS[split])
    page = st.pagination(max(1, -(-len(found) // A_PAGE)), key="page", bind="query-params")
    shown = found[(page - 1) * A_PAGE : page * A_PAGE]
    _show(report, shown) if shown else st.caption("This part has no image of this class.")
    return shown


def _first_page() -> None:
    st.session_state["page"] = 1


def _show(report: Report, pictures: Sequence[ImageFile]) -> None:
    with st.container(horizontal=True):
        for picture, small in zip(pictures, thumbnails().of(report.dataset.root, pictures), strict=True):
            name = PurePosixPath(picture.path)
            st.image(
                small,
                escape_markdown(shorten(name.stem, 13)),
                width=_WIDTH,
                alt=f"{shorten(name.name)}, {picture.width} × {picture.height} px",
            )


@st.cache_resource(show_spinner=False)
def thumbnails() -> ThumbnailCache:
    return ThumbnailCache()
