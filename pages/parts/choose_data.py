"""Choosing images, and what is in them."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

import core
from core.analysis.words import count, plain, shortened
from pages.common import Services, refuse

SAMPLE, FOLDER, ZIP, DROP = "Sample", "Folder", "ZIP", "Drop a folder"
SAMPLE_NAME = "Ten classes of waste, drawn by the program: for trying things out, not photos."


def choose_data(here: Services) -> str | None:
    """What a run's `data` will be; None until something usable is chosen."""
    source = st.segmented_control("Images", [SAMPLE, FOLDER, ZIP, DROP], default=SAMPLE, required=True)
    try:
        if source == SAMPLE:
            return core.SAMPLE
        if source == FOLDER:
            return _choose_folder(here.roots)
        return _receive_zip() if source == ZIP else _receive_folder()
    except ValueError as error:
        refuse(error)
        return None


def _choose_folder(roots: core.DataRoots) -> str | None:
    path = st.text_input("Folder of class folders on this machine", placeholder="~/photos/waste", key="folder")
    return str(roots.resolve(path)) if path.strip() else None


def _receive_zip() -> str | None:
    upload = st.file_uploader("A ZIP of class folders", type="zip", key="zip")
    return _keep(upload.file_id, lambda: core.unpack_zip(upload, upload.name)) if upload else None


def _receive_folder() -> str | None:
    uploads = st.file_uploader("A folder of class folders", accept_multiple_files="directory", key="dropped")
    if not uploads:
        return None
    files = [(upload.name, upload) for upload in uploads]
    return _keep("".join(upload.file_id for upload in uploads), lambda: core.store_files(files, "dropped"))


def _keep(key: str, store: Callable[[], Path]) -> str:
    """Put an upload on disk once, not at every rerun."""
    kept = st.session_state.setdefault("uploads", {})
    if key not in kept:
        with st.spinner("Unpacking"):
            kept[key] = str(store())
    return kept[key]


def show_report(data: str) -> core.Dataset | None:
    """Say what is in the images; None where they cannot be trained on."""
    try:
        dataset = _scanned(data)
        manifest = core.split(dataset)
    except (ValueError, OSError) as error:
        refuse(error)
        return None
    splits = manifest.counts()
    name = SAMPLE_NAME if data == core.SAMPLE else plain(shortened(data))
    width, height = dataset.median_size
    st.caption(f"{name}  \n{count(len(dataset.pictures), 'image')}, {count(len(dataset.classes), 'class')}, "
               f"median {width} × {height} px · {splits['train']:,} to train, {splits['validation']:,} to "
               f"validate, {splits['test']:,} to test")
    if dataset.problems:
        with st.expander(f"{count(len(dataset.problems), 'problem')}: these files are not used"):
            st.dataframe([{"Where": problem.where, "What": problem.what, "What happens": problem.consequence}
                          for problem in dataset.problems], hide_index=True)
    return dataset


def _scanned(data: str) -> core.Dataset:
    """The report on the images as they are now; read again only when files came or went."""
    with st.spinner("Drawing the sample set") if data == core.SAMPLE else st.empty():
        folder = core.data_folder(data)
    kept = _scans()
    stamp = core.stamp(folder)
    if kept.get(data, (None,))[0] != stamp:
        bar = st.progress(0.0, "Reading images")
        kept[data] = stamp, core.scan(folder, lambda done, total: bar.progress(
            done / total, f"Reading images: {done:,} of {total:,}"))
        bar.empty()
    return kept[data][1]


@st.cache_resource(show_spinner=False)
def _scans() -> dict[str, tuple[tuple, core.Dataset]]:
    return {}
