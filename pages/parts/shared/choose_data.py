"""Choosing a data set and reporting its contents, shared by the Data and the Train page."""

from collections.abc import Mapping
from contextlib import nullcontext

import streamlit as st

from core.analysis.results.settings import data_name
from core.analysis.text import count, escape_markdown, shorten
from core.data.datasets.allowed_folders import AllowedFolders
from core.data.datasets.dataset import Dataset
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.groups import group_summary
from core.data.datasets.layout.class_folders import LAYOUT_TITLES, LayoutQuestion
from core.data.datasets.reports import Report, ReportCache
from core.data.datasets.split import Manifest
from core.experiment.run_config import SAMPLE
from pages.parts.shared.form import PERSISTENT, chosen_layout, set_layout
from pages.parts.shared.services import Services, show_error
from pages.parts.shared.show import show_table
from pages.parts.shared.uploads import receive_folder, receive_zip

SAMPLE_SET, FOLDER, ZIP, UPLOAD, EARLIER = "Sample", "Folder", "ZIP", "Upload a folder", "Earlier images"
_DESCRIPTIONS = {
    SAMPLE_SET: "Ten classes of waste, drawn by the program. Use them to try it out; they are not photos.",
    FOLDER: "A folder on the machine that trains, with one subfolder of images per class.",
    ZIP: "A ZIP archive with one folder of images per class.",
    UPLOAD: "A folder on your computer, with one subfolder of images per class.",
}


def choose_data(services: Services) -> str | None:
    """Show the choice of images; return the value for a run's `data`, or None until usable images are chosen."""
    _apply_selected_data()
    sources = [SAMPLE_SET, FOLDER, ZIP, UPLOAD] + [EARLIER] * ("earlier-data" in st.session_state)
    st.session_state.setdefault("source", SAMPLE_SET)
    source = st.segmented_control("Image source", sources, required=True, key="source", **PERSISTENT) or SAMPLE_SET
    st.caption(
        f"Selected by a run, a preset or another page: {_name(st.session_state['earlier-data'])}."
        if source == EARLIER
        else _DESCRIPTIONS.get(source, "")
    )
    try:
        return _data_of(services, source)
    except (ValueError, OSError) as error:
        show_error(error)
        return None


def _apply_selected_data() -> None:
    """Choose, once, the images that another page or a preset stored under "selected-data"."""
    data = st.session_state.pop("selected-data", None)
    if data == SAMPLE:
        st.session_state["source"] = SAMPLE_SET
    elif data:
        st.session_state["source"], st.session_state["earlier-data"] = EARLIER, data


def _data_of(services: Services, source: str) -> str | None:
    if source == FOLDER:
        return _choose_folder(services.allowed_folders)
    if source in (ZIP, UPLOAD):
        return receive_zip() if source == ZIP else receive_folder()
    return {SAMPLE_SET: SAMPLE, EARLIER: st.session_state.get("earlier-data")}.get(source)


def _choose_folder(folders: AllowedFolders) -> str | None:
    path = st.text_input(
        "Folder on this machine with one subfolder per class", placeholder="~/photos/waste", key="folder", **PERSISTENT
    )
    return str(folders.resolve(path)) if path.strip() else None


def show_report(data: str, leak_free: bool, groups: str, test_parts: str) -> Report | None:
    """Summarise the images and their split in two lines; return None if they cannot be trained on."""
    report = load_report(data, leak_free, groups)
    if report is None:
        return None
    dataset = report.dataset
    if manifest := report.manifest_of(test_parts):
        st.caption(f"{_name(data)}: {_summary(dataset)}  \n{split_summary(manifest)}")
        show_split_notes(report)
    if dataset.problems:
        with st.expander(f"{count(len(dataset.problems), 'problem')} in these images"):
            show_problems(dataset)
    st.page_link("pages/data.py", label="View the images", icon=":material/photo_library:")
    return report if report.manifest else None


def load_report(data: str, leak_free: bool = True, groups: str = "") -> Report | None:
    """Return the report on the current images, and show an error if they cannot be trained on.

    `leak_free` and `groups` are settings of the split (see `RunConfig`). Returns None if the images cannot be read at
    all.
    """
    layout, bar = chosen_layout(data), st.empty()
    if layout != "auto":
        _choose_layout(data, st.session_state.get(f"layouts-of-{data}", LAYOUT_TITLES))

    def show_progress(done: int, total: int) -> None:
        bar.progress(done / total, f"Reading images: {done:,} of {total:,}")

    try:
        with st.spinner("Drawing the sample set") if data == SAMPLE else nullcontext():
            data_folder(data)
        report = _reports().get(data, show_progress, leak_free, groups, layout)
    except LayoutQuestion as question:
        st.warning(f"These folders can be read in several ways: {escape_markdown(question.reason)}.")
        st.session_state[f"layouts-of-{data}"] = question.choices
        _choose_layout(data, question.choices)
        return None
    except (ValueError, OSError) as error:
        show_error(error)
        return None
    finally:
        bar.empty()
    if report.error:
        show_error(ValueError(report.error))
    return report


def _choose_layout(data: str, layouts: Mapping[str, str]) -> None:
    """Let the user say how the folders are read.

    `layouts` describes each that can be chosen. The layout may also come from a preset or a run; so the control shows
    the chosen one on each run of the page.
    """
    key, current = f"layout-of-{data}", chosen_layout(data)
    st.session_state[key] = current if current in layouts else None
    st.radio(
        "How to read the folders",
        list(layouts),
        index=None,
        format_func=lambda layout: escape_markdown(layouts[layout]),
        key=key,
        on_change=_keep_layout,
        args=(data, key),
    )


def _keep_layout(data: str, key: str) -> None:
    if layout := st.session_state[key]:
        set_layout(data, layout)


def forget_report(data: str) -> None:
    """Read these images again when they are next shown."""
    _reports().forget(data)


@st.cache_resource(show_spinner=False)
def _reports() -> ReportCache:
    return ReportCache()


def _name(data: str) -> str:
    return escape_markdown(shorten(data_name(data)))


def _summary(dataset: Dataset) -> str:
    """`600 images, 10 classes, median 128 × 128 px`."""
    width, height = dataset.median_size
    return (
        f"{count(len(dataset.images), 'image')}, {count(len(dataset.classes), 'class')}, median {width} × {height} px"
    )


def split_summary(manifest: Manifest) -> str:
    """`420 for training, 90 for validation, 90 for testing`."""
    splits = manifest.counts()
    return f"{splits['train']:,} for training, {splits['validation']:,} for validation, {splits['test']:,} for testing"


def show_split_notes(report: Report) -> None:
    """Show the user's groups, and what the split means for the test if near-duplicates or groups affect it."""
    if groups := group_summary(report.dataset):
        st.caption(f"{groups}.")
    for warning in report.warnings:
        st.markdown(f":material/warning: {escape_markdown(warning)}")


def show_problems(dataset: Dataset) -> None:
    """Show a table with one row per file or folder that is left out or only partly used."""
    show_table(
        [
            {"File or folder": problem.location, "Problem": problem.reason, "Consequence": problem.consequence}
            for problem in dataset.problems
        ],
        "problems",
        "Files that are not used, and why",
        column_config={"File or folder": st.column_config.TextColumn(width="medium")},
    )
