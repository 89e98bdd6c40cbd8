"""Images to classify: uploaded by the user, or taken from a run's test split."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.analysis.ensembles.held_out_accuracy import held_out_images
from core.analysis.results.ensemble import AnyModel, Ensemble
from core.analysis.results.trained_models import sample_test_images
from core.analysis.text import count, escape_markdown, shorten
from core.data.uploads.session_images import NewFile, Received, SessionImages
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage, read_uploads
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.shared.services import Services, show_error

TEST_IMAGES = 12
MEGABYTES = 200
"""Size limit of one uploaded file."""


def upload_images() -> SessionImages:
    """Return all images of this browser session: uploaded files, files in uploaded ZIPs, and camera photos.

    New files are written to disk at once and the uploader is emptied, because Streamlit keeps its files in memory.
    """
    if "session-images" not in st.session_state:
        st.session_state["session-images"], st.session_state["upload-number"] = SessionImages(), 0
    session_images: SessionImages = st.session_state["session-images"]
    number: int = st.session_state["upload-number"]
    uploads = st.file_uploader(
        "Drop images here, or a ZIP of them",
        accept_multiple_files=True,
        key=f"images-{number}",
        max_upload_size=MEGABYTES,
        help="Any number of images. They are deleted when you close the page, except those that you mark with their "
        "true class.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        photo = _take_photo(number)
        if session_images.received:
            st.button("Clear", on_click=_clear, icon=":material/close:", help="Delete these images.")
    if uploads or photo:
        _store(session_images, [*uploads, *([photo] if photo else [])], f"photo {number + 1}.jpg")
        st.session_state["upload-number"] = number + 1
        st.rerun()
    return session_images


def _take_photo(number: int) -> UploadedFile | None:
    if st.toggle("Use the camera", key="camera", help="Take a photo with this device's camera."):
        return st.camera_input("Take a photo", key=f"photo-{number}", label_visibility="collapsed", width=320)
    return None


def _store(session_images: SessionImages, uploads: Sequence[UploadedFile], photo_name: str) -> None:
    bar = st.progress(0.0, "Reading images")
    files = [
        NewFile(upload.file_id, photo_name if upload.name.startswith("camera-input-") else upload.name, upload)
        for upload in uploads
    ]
    for done, total in session_images.add(files):
        bar.progress(done / total, f"Reading images: {done:,} of {total:,}")
    _free_memory(uploads)
    bar.empty()


def _free_memory(uploads: Sequence[UploadedFile]) -> None:
    """Remove these files from the server's memory, as Streamlit's own chat input does; by default Streamlit keeps them
    until the session ends.
    """
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for upload in uploads:
            context.uploaded_file_mgr.remove_file(session_id=context.session_id, file_id=upload.file_id)


def choose_test_images(services: Services, model: AnyModel) -> tuple[list[Received], dict[str, Path]]:
    """Return some test images of the model's run and their paths by hash, if the user requests them."""
    which = "on which no seed was trained" if isinstance(model, Ensemble) else "which was not trained on them"
    among = held_out_images(services.store, model) if isinstance(model, Ensemble) else None
    has_none = isinstance(model, Ensemble) and not among
    chosen = st.toggle(
        f"Try {TEST_IMAGES} test images",
        key="samples",
        bind="query-params",
        disabled=has_none,
        help="Every image was used to train some seed of the first model."
        if has_none
        else f"Images from the test split of the first model, {which}. Their folder is their true class.",
    )
    if not chosen or has_none:
        st.session_state.pop("test-images", None)
        return [], {}
    try:
        files = {
            f"{model.run.id}/{name}": (name, path)
            for name, path in sample_test_images(services.store, model.run, TEST_IMAGES, among)
        }
    except (ValueError, NoSuchRun, OSError) as error:
        show_error(error)
        return [], {}
    images: dict[str, Received] = st.session_state.setdefault("test-images", {})
    for removed in images.keys() - files.keys():
        del images[removed]
    new = {key: file for key, file in files.items() if key not in images}
    images |= dict(zip(new, read_uploads(new.values()), strict=True))
    paths = {image.hash: path for key, (_, path) in files.items() if isinstance(image := images[key], UploadedImage)}
    return list(images.values()), paths


def show_refused(received: Sequence[Received]) -> None:
    """Show the files that could not be read as images, and why."""
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
    """Delete the uploaded images and return to the first page."""
    st.session_state["session-images"].clear()
    st.session_state["page"] = 1
