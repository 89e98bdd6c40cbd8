"""Uploaded data sets: stored once, then selected for the rest of the browser session."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import streamlit as st

from core.analysis.text import escape_markdown, shorten
from core.data.uploads.name_choices import NameChoice, name_choices
from core.data.uploads.unpack import UploadError, store_files, unpack_zip


def receive_zip() -> str | None:
    """Show the uploader for a ZIP; return the folder it was unpacked to, or None before that. Raises `UploadError`."""
    if folder := _stored_folder("zip"):
        return folder
    if upload := st.file_uploader("ZIP archive with one folder per class", type="zip", key="zip"):
        choices = _name_choices(upload.file_id, upload, upload.name)
        encoding = _choose_encoding(choices) if choices else ""
        if encoding or not choices:
            stem = Path(upload.name).stem
            _store("zip", upload.file_id + encoding, stem, lambda: unpack_zip(upload, upload.name, encoding=encoding))
    return None


@st.cache_data(max_entries=8, show_spinner="Reading names")
def _name_choices(file_id: str, _archive: BinaryIO, _name: str) -> list[NameChoice]:
    """Return the ways to read the names in a ZIP, cached by the upload; none for a ZIP that will be refused."""
    try:
        return name_choices(_archive, _name)
    except UploadError:
        return []


def _choose_encoding(choices: Sequence[NameChoice]) -> str:
    """Show the names in each encoding they may have; return the encoding, or "" until the user has confirmed one."""
    st.markdown("This ZIP does not say in which encoding its names are. Choose the line in which they are right.")
    choice = st.radio(
        "Names in the ZIP",
        choices,
        format_func=lambda choice: escape_markdown(f"{shorten(', '.join(choice.names), 80)} – {choice.title}"),
    )
    return choice.encoding if st.button("Unpack", type="primary") and choice else ""


def receive_folder() -> str | None:
    """Show the uploader for a folder; return the stored copy, or None before that. Raises `UploadError`."""
    if folder := _stored_folder("dropped"):
        return folder
    if uploads := st.file_uploader(
        "Folder with one subfolder per class", accept_multiple_files="directory", key="dropped"
    ):
        files = [(upload.name, upload) for upload in uploads]
        name = PurePosixPath(files[0][0]).parts[0]
        _store("dropped", "".join(upload.file_id for upload in uploads), name, lambda: store_files(files, name))
    return None


def _stored_folder(kind: str) -> str | None:
    """Return the folder of the last upload and show its name, because the uploader is empty after a page change."""
    if f"stored-{kind}" not in st.session_state:
        return None
    stored: tuple[str, str] = st.session_state[f"stored-{kind}"]
    name, folder = stored
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{escape_markdown(shorten(name, 40))} (uploaded)", width="content")
        st.button("Replace", key=f"replace-{kind}", on_click=_forget, args=(kind,), help="Upload other images instead.")
    return folder


def _forget(kind: str) -> None:
    del st.session_state[f"stored-{kind}"]


def _store(kind: str, upload: str, name: str, store: Callable[[], Path]) -> None:
    """Write an upload to disk and rerun the page. A refused upload is not read again at every rerun."""
    refused_upload, message = st.session_state.get(f"refused-{kind}", ("", ""))
    if refused_upload == upload:
        raise UploadError(message)
    try:
        with st.spinner("Unpacking"):
            st.session_state[f"stored-{kind}"] = name, str(store())
    except UploadError as error:
        st.session_state[f"refused-{kind}"] = upload, str(error)
        raise
    st.rerun()
