"""Data page: view the images and how they are split, before training."""

import streamlit as st

from core.analysis.charts.classes import class_bars
from core.analysis.text import escape_markdown
from core.data.datasets.dataset import Dataset
from core.data.datasets.reports import Report, split_origin
from core.data.datasets.split import Manifest
from core.experiment.guidelines import imbalance_warning
from pages.parts.data.augmentation_preview import show_augmented_copies
from pages.parts.data.gallery import show_gallery
from pages.parts.data.near_duplicate_photos import show_near_duplicates
from pages.parts.shared.choose_data import choose_data, load_report, show_problems, show_split_notes, split_summary
from pages.parts.shared.form import PERSISTENT, fill_once
from pages.parts.shared.grouping_controls import choose_grouping, chosen_grouping
from pages.parts.shared.services import Services, get_services, show_error
from pages.parts.shared.show import show_chart, show_table


def main() -> None:
    services = get_services()
    st.title("Data")
    fill_once()  # this page also sets the images and the augmentation of the Train page's form
    data = choose_data(services)
    if data:
        _choose_grouping(services)
    report = load_report(data, *chosen_grouping(services.allowed_folders)) if data else None
    if not data or not report:
        st.caption(
            "Each class is a folder of images, named after the class. If the class folders are inside folders named "
            "train, validation and test (or alike), that split is used; a part that is missing is drawn from train."
        )
        return
    _show_metrics(report.dataset)
    _show_contents(report)
    show_near_duplicates(services, data, report)
    if report.dataset.images:
        st.subheader("Images")
        shown = show_gallery(report)
        st.subheader("Augmentation")
        if shown:
            show_augmented_copies(report, shown)
    if st.button("Train on these images", type="primary", disabled=not report.manifest):
        st.switch_page("pages/train.py")


def _choose_grouping(services: Services) -> None:
    """Show the choice of images that stay together, which the Train page has too, and an error if it is invalid."""
    invalid = None
    with st.expander("Images that stay together"):
        try:
            choose_grouping(services.allowed_folders)
        except ValueError as error:
            invalid = error
    if invalid:
        show_error(invalid)
        st.caption("Until this is corrected, the figures are those without groups.")


def _show_metrics(dataset: Dataset) -> None:
    width, height = dataset.median_size
    metrics = {
        "Images": f"{len(dataset.images):,}",
        "Classes": f"{len(dataset.classes):,}",
        "Median size": f"{width} × {height}",
        "Problems": f"{len(dataset.problems):,}",
        "Exact duplicates": f"{sum(map(len, dataset.exact_duplicates)):,}",
        "Near-duplicates": f"{sum(map(len, dataset.near_duplicates)):,}",
    }
    with st.container(horizontal=True, gap="medium"):
        for label, value in metrics.items():
            st.metric(label, value, width="content")


def _show_contents(report: Report) -> None:
    """Show the classes, and next to them the problems if there are any."""
    halves = st.columns(2, gap="large") if report.manifest and report.dataset.problems else [st.container()] * 2
    if report.manifest:
        with halves[0]:
            _show_classes(report, report.manifest)
    if report.dataset.problems:
        with halves[1]:
            st.subheader("Problems")
            show_problems(report.dataset)


def _show_classes(report: Report, manifest: Manifest) -> None:
    dataset = report.dataset
    st.subheader("Classes")
    st.caption(f"{split_summary(manifest)}. {escape_markdown(split_origin(dataset))}")
    show_split_notes(report)
    show_chart(class_bars(manifest), "classes", "Images per class, divided into training, validation and test")
    if warning := imbalance_warning(dataset.counts):
        st.markdown(f":material/warning: {escape_markdown(warning)}")
        st.checkbox("Class weights", key="class-weights", **PERSISTENT)
    if dataset.exact_duplicates:
        _show_exact_duplicates(dataset)


def _show_exact_duplicates(dataset: Dataset) -> None:
    images = sum(map(len, dataset.exact_duplicates))
    with st.expander(f"{images:,} exact duplicates: files with the same content stay in one part"):
        show_table(
            [
                {"Content": number, "File": image.path}
                for number, files in enumerate(dataset.exact_duplicates, start=1)
                for image in files
            ],
            "equal-images",
            "Files with the same content have the same number",
        )


main()
