"""Images that a visitor drops to be classified, and images of a test split to try models on."""

from collections.abc import Mapping, Sequence

import streamlit as st

import core
from core.analysis.words import count, plain, shortened
from core.data.incoming import Content
from pages.parts.services import Services, refuse

TEST_IMAGES = 12
MEGABYTES = 100
"""The largest image that is taken."""

Received = core.Incoming | core.Refused


def drop_images() -> tuple[list[Received], dict[str, Content]]:
    """What was dropped, in its order, and the contents of the readable ones by hash.

    Streamlit forgets files when the visitor turns to another page; what was found out about them stays, without their
    contents, until others are dropped.
    """
    uploads = st.file_uploader("Drop images here", accept_multiple_files=True, key="images", on_change=_forget,
                               max_upload_size=MEGABYTES, help="As many as you like. They are only looked at, and "
                               "forgotten when you close the page.")
    known = st.session_state.setdefault("dropped", {})
    files = {upload.file_id: (upload.name, upload.getvalue()) for upload in uploads}
    _receive(known, files)
    if known and not uploads:
        st.button("Clear", on_click=_forget, icon=":material/close:", help="Forget these images.")
    contents = {known[key].hash: content for key, (_, content) in files.items()
                if isinstance(known[key], core.Incoming)}
    return list(known.values()), contents


def try_test_images(here: Services, model: core.TrainedModel) -> tuple[list[Received], dict[str, Content]]:
    """The same for some images of the model's test split, where the visitor wants them."""
    if not st.toggle(f"Try {TEST_IMAGES} test images", key="samples", bind="query-params",
                     help="Of the images that the first model was judged on. It has not learned from them; their "
                     "folder is their true class."):
        st.session_state.pop("tried", None)
        return [], {}
    try:
        files = {f"{model.run.id}/{name}": (name, path)
                 for name, path in core.held_out_images(here.store, model.run, TEST_IMAGES)}
    except (ValueError, core.NoSuchRun, OSError) as error:
        refuse(error)
        return [], {}
    known = st.session_state.setdefault("tried", {})
    for gone in known.keys() - files.keys():
        del known[gone]
    _receive(known, files)
    return list(known.values()), {known[key].hash: path for key, (_, path) in files.items()
                                  if isinstance(known[key], core.Incoming)}


def show_refused(received: Sequence[Received]) -> None:
    """The files that are no pictures, and why."""
    refused = [item for item in received if isinstance(item, core.Refused)]
    if refused:
        with st.expander(f"{count(len(refused), 'file')} could not be read", icon=":material/warning:",
                         expanded=len(refused) <= 3):
            st.markdown("\n".join(f"- **{plain(shortened(item.name, 80))}**: {plain(item.reason)}" for item in refused))


def _receive(known: dict[str, Received], files: Mapping[str, tuple[str, Content]]) -> None:
    """Look at the files that are not known yet."""
    new = {key: file for key, file in files.items() if key not in known}
    if not new:
        return
    bar = st.progress(0.0, "Reading images")
    for done, (key, item) in enumerate(zip(new, core.receive(new.values()), strict=True), start=1):
        known[key] = item
        bar.progress(done / len(new), f"Reading images: {done:,} of {len(new):,}")
    bar.empty()


def _forget() -> None:
    """Forget what is no longer in the drop zone, and begin with the first page."""
    kept = {upload.file_id for upload in st.session_state.get("images") or []}
    known = st.session_state.get("dropped", {})
    st.session_state["dropped"] = {key: item for key, item in known.items() if key in kept}
    st.session_state["page"] = 1

