"""Images that a visitor drops: stored once, then his choice for the rest of the session."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import streamlit as st

from core.analysis.text import escape_markdown, shorten
from core.data.uploads.unpack import UploadError, store_files, unpack_zip


def receive_zip() -> str | None:
    """The folder that a dropped ZIP became; None until there is one. Raises `UploadError`."""
    if kept := _kept("zip"):
        return kept
    if upload := st.file_uploader("A ZIP of class folders", type="zip", key="zip"):
        _store("zip", upload.file_id, Path(upload.name).stem, lambda: unpack_zip(upload, upload.name))
    return None


def receive_folder() -> str | None:
    """The folder that a dropped one became; None until there is one. Raises `UploadError`."""
    if kept := _kept("dropped"):
        return kept
    if uploads := st.file_uploader("A folder of class folders", accept_multiple_files="directory", key="dropped"):
        files = [(upload.name, upload) for upload in uploads]
        name = PurePosixPath(files[0][0]).parts[0]
        _store("dropped", "".join(upload.file_id for upload in uploads), name, lambda: store_files(files, name))
    return None


def _kept(kind: str) -> str | None:
    """What was stored before, shown with a way to replace it: the uploader itself is empty on another page."""
    if f"stored-{kind}" not in st.session_state:
        return None
    name, folder = st.session_state[f"stored-{kind}"]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{escape_markdown(shorten(name, 40))} (uploaded)", width="content")
        st.button("Replace", key=f"replace-{kind}", on_click=_forget, args=(kind,), help="Drop other images instead.")
    return folder


def _forget(kind: str) -> None:
    del st.session_state[f"stored-{kind}"]


def _store(kind: str, upload: str, name: str, store: Callable[[], Path]) -> None:
    """Put an upload on disk and let go of its bytes. One that was refused is not read again at every rerun."""
    refused = st.session_state.get(f"refused-{kind}", ("", ""))
    if refused[0] == upload:
        raise UploadError(refused[1])
    try:
        with st.spinner("Unpacking"):
            st.session_state[f"stored-{kind}"] = name, str(store())
    except UploadError as error:
        st.session_state[f"refused-{kind}"] = upload, str(error)
        raise
    st.rerun()
