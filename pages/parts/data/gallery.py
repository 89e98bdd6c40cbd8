"""Gallery: thumbnails of one class, one page at a time."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import streamlit as st

from core.analysis.text import escape_markdown, shorten
from core.data.datasets.dataset import ImageFile
from core.data.datasets.images.thumbnails import ThumbnailCache
from core.data.datasets.reports import Report

PAGE_SIZE = 24
_WIDTH = 104  # three per row on a phone
_SPLITS = {"All": None, "Training": "train", "Validation": "validation", "Test": "test"}


def show_gallery(report: Report) -> list[ImageFile]:
    """Show the images of the chosen class and part; return those on the current page."""
    classes = report.dataset.classes
    if st.session_state.get("class", classes[0]) not in classes:  # the class of another data set was chosen
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
    found = report.images_of(label, _SPLITS[split])
    page = st.pagination(max(1, -(-len(found) // PAGE_SIZE)), key="page", bind="query-params")
    shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    if shown:
        _show(report, shown)
    else:
        st.caption("This part has no images of this class. Choose another part or class.")
    return shown


def _first_page() -> None:
    st.session_state["page"] = 1


def _show(report: Report, images: Sequence[ImageFile]) -> None:
    with st.container(horizontal=True):
        for image, thumbnail in zip(images, thumbnail_cache().get(report.dataset.root, images), strict=True):
            name = PurePosixPath(image.path)
            st.image(
                thumbnail,
                escape_markdown(shorten(name.stem, 13)),
                width=_WIDTH,
                alt=f"{shorten(name.name)}, {image.width} × {image.height} px",
            )


@st.cache_resource(show_spinner=False)
def thumbnail_cache() -> ThumbnailCache:
    """Return the thumbnails shared by all browser sessions."""
    return ThumbnailCache()
