"""Choosing images, and what is in them: the same choice on the Data and the Train page."""

from contextlib import nullcontext

import streamlit as st

from core.analysis.results.settings import data_name
from core.analysis.text import count, escape_markdown, shorten
from core.data.datasets.allowed_folders import AllowedFolders
from core.data.datasets.reports import Report, ReportCache
from core.data.datasets.scan import Dataset, data_folder
from core.data.datasets.split import Manifest
from core.experiment.run_config import SAMPLE
from pages.parts.shared.form import KEPT
from pages.parts.shared.services import Services, refuse
from pages.parts.shared.show import show_table
from pages.parts.shared.uploads import receive_folder, receive_zip

DRAWN, FOLDER, ZIP, DROP, AS_BEFORE = "Sample", "Folder", "ZIP", "Drop a folder", "As before"
_EXPLAINED = {
    DRAWN: "Ten classes of waste, drawn by the program: for trying things out, not photos.",
    FOLDER: "A folder on the machine that trains, with a folder of images for each class.",
    ZIP: "An archive with a folder of images for each class.",
    DROP: "A folder of yours with a folder of images for each class.",
}


def choose_data(services: Services) -> str | None:
    """What a run's `data` will be; None until something usable is chosen."""
    _take_over()
    sources = [DRAWN, FOLDER, ZIP, DROP] + [AS_BEFORE] * ("as-before" in st.session_state)
    st.session_state.setdefault("source", DRAWN)
    source = st.segmented_control("Where the images come from", sources, required=True, key="source", **KEPT)
    st.caption(
        f"Chosen on another page: {_name(st.session_state['as-before'])}."
        if source == AS_BEFORE
        else _EXPLAINED.get(source, "")
    )
    try:
        return _chosen(services, source)
    except (ValueError, OSError) as error:
        refuse(error)
        return None


def _take_over() -> None:
    """Images that another page handed over under "kept-data" (those of a run, of a preset) become the choice, once."""
    data = st.session_state.pop("kept-data", None)
    if data == SAMPLE:
        st.session_state["source"] = DRAWN
    elif data:
        st.session_state["source"], st.session_state["as-before"] = AS_BEFORE, data


def _chosen(services: Services, source: str | None) -> str | None:
    if source == FOLDER:
        return _choose_folder(services.allowed_folders)
    if source in (ZIP, DROP):
        return receive_zip() if source == ZIP else receive_folder()
    return {DRAWN: SAMPLE, AS_BEFORE: st.session_state.get("as-before")}.get(source)


def _choose_folder(roots: AllowedFolders) -> str | None:
    path = st.text_input("Folder of class folders on this machine", placeholder="~/photos/waste", key="folder", **KEPT)
    return str(roots.resolve(path)) if path.strip() else None


def show_report(data: str) -> Report | None:
    """Say in two lines what is in the images; None where they cannot be trained on."""
    report = look(data)
    if report is None:
        return None
    dataset = report.dataset
    if report.manifest:
        st.caption(f"{_name(data)}: {_in_short(dataset)}  \n{divided(report.manifest)}")
    if dataset.problems:
        with st.expander(f"{count(len(dataset.problems), 'problem')}: these files are not used"):
            show_problems(dataset)
    st.page_link("pages/data.py", label="Look at the images", icon=":material/photo_library:")
    return report if report.manifest else None


def look(data: str) -> Report | None:
    """The report on the images as they are now, also on those that cannot be trained on; says why they cannot."""
    bar = st.empty()
    try:
        with st.spinner("Drawing the sample set") if data == SAMPLE else nullcontext():
            data_folder(data)
        report = _reports().of(
            data, lambda done, total: bar.progress(done / total, f"Reading images: {done:,} of {total:,}")
        )
    except (ValueError, OSError) as error:
        refuse(error)
        return None
    finally:
        bar.empty()
    if report.refusal:
        refuse(ValueError(report.refusal))
    return report


@st.cache_resource(show_spinner=False)
def _reports() -> ReportCache:
    return ReportCache()


def _name(data: str) -> str:
    return escape_markdown(shorten(data_name(data)))


def _in_short(dataset: Dataset) -> str:
    """`600 images, 10 classes, median 128 × 128 px`."""
    width, height = dataset.median_size
    return (
        f"{count(len(dataset.pictures), 'image')}, {count(len(dataset.classes), 'class')}, median {width} × {height} px"
    )


def divided(manifest: Manifest) -> str:
    """`420 to train, 90 to validate, 90 to test`."""
    splits = manifest.counts()
    return f"{splits['train']:,} to train, {splits['validation']:,} to validate, {splits['test']:,} to test"


def show_problems(dataset: Dataset) -> None:
    """Every file or folder that is not used as it is, a row each."""
    show_table(
        [
            {"File or folder": problem.where, "What is wrong": problem.what, "What happens": problem.consequence}
            for problem in dataset.problems
        ],
        "problems",
        "Files that are not used, and why",
        column_config={"File or folder": st.column_config.TextColumn(width="medium")},
    )
