"""Images that a visitor brings to be classified, and images of a test split to try models on."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.analysis.results.trained_models import TrainedModel, sample_test_images
from core.analysis.text import count, escape_markdown, shorten
from core.data.uploads.session_images import NewFile, Received, SessionImages
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage, read_uploads
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.shared.services import Services, refuse

TEST_IMAGES = 12
MEGABYTES = 200
"""The largest file that is taken."""


def drop_images() -> SessionImages:
    """What the visitor has brought so far: files dropped, ZIPs of them, photos taken with the camera.

    Each goes to disk as soon as it is here, and the drop zone begins anew: Streamlit would hold all of them in memory.
    """
    if "visit" not in st.session_state:
        st.session_state["visit"], st.session_state["drop-number"] = SessionImages(), 0
    session_images, number = st.session_state["visit"], st.session_state["drop-number"]
    uploads = st.file_uploader(
        "Drop images here, or a ZIP of them",
        accept_multiple_files=True,
        key=f"images-{number}",
        max_upload_size=MEGABYTES,
        help="As many as you like. They are forgotten when you close the page, but for those "
        "whose true class you name.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        photo = _take_photo(number)
        if session_images.received:
            st.button("Clear", on_click=_clear, icon=":material/close:", help="Forget these images.")
    if uploads or photo:
        _take(session_images, [*uploads, *[photo] * bool(photo)], f"photo {number + 1}.jpg")
        st.session_state["drop-number"] = number + 1
        st.rerun()
    return session_images


def _take_photo(number: int) -> UploadedFile | None:
    if st.toggle("Use the camera", key="camera", help="Take a photo with this device's camera."):
        return st.camera_input("Take a photo", key=f"photo-{number}", label_visibility="collapsed", width=320)
    return None


def _take(session_images: SessionImages, uploads: Sequence[UploadedFile], photo: str) -> None:
    bar = st.progress(0.0, "Reading images")
    files = [
        NewFile(upload.file_id, photo if upload.name.startswith("camera-input-") else upload.name, upload)
        for upload in uploads
    ]
    for done, total in session_images.add(files):
        bar.progress(done / total, f"Reading images: {done:,} of {total:,}")
    _let_go(uploads)
    bar.empty()


def _let_go(uploads: Sequence[UploadedFile]) -> None:
    """Have the server forget the bytes of these files, as Streamlit's own chat input does: by itself it keeps them
    until the session ends."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for upload in uploads:
            context.uploaded_file_mgr.remove_file(session_id=context.session_id, file_id=upload.file_id)


def try_test_images(services: Services, model: TrainedModel) -> tuple[list[Received], dict[str, Path]]:
    """Some images of the model's test split and their contents by hash, where the visitor wants them."""
    if not st.toggle(
        f"Try {TEST_IMAGES} test images",
        key="samples",
        bind="query-params",
        help="Of the images that the first model was judged on. It has not learned from them; their "
        "folder is their true class.",
    ):
        st.session_state.pop("tried", None)
        return [], {}
    try:
        files = {
            f"{model.run.id}/{name}": (name, path)
            for name, path in sample_test_images(services.store, model.run, TEST_IMAGES)
        }
    except (ValueError, NoSuchRun, OSError) as error:
        refuse(error)
        return [], {}
    known = st.session_state.setdefault("tried", {})
    for gone in known.keys() - files.keys():
        del known[gone]
    new = {key: file for key, file in files.items() if key not in known}
    known |= dict(zip(new, read_uploads(new.values()), strict=True))
    return list(known.values()), {
        known[key].hash: path for key, (_, path) in files.items() if isinstance(known[key], UploadedImage)
    }


def show_refused(received: Sequence[Received]) -> None:
    """The files that are no pictures, and why."""
    refused = [item for item in received if isinstance(item, RefusedFile)]
    if refused:
        with st.expander(
            f"{count(len(refused), 'file')} could not be read", icon=":material/warning:", expanded=len(refused) <= 3
        ):
            st.markdown(
                "\n".join(
                    f"- **{escape_markdown(shorten(item.name, 80))}**: {escape_markdown(item.reason)}"
                    for item in refused
                )
            )


def _clear() -> None:
    """Forget what was brought, and begin with the first page."""
    st.session_state["visit"].clear()
    st.session_state["page"] = 1
