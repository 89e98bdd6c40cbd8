"""Look at the images before anything trains."""

import streamlit as st

from core.analysis.charts.classes import class_bars
from core.analysis.text import count, escape_markdown
from core.data.datasets.reports import Report
from core.data.datasets.scan import Dataset
from core.data.datasets.split import Manifest
from pages.parts.data.augmentation_preview import show_views
from pages.parts.data.gallery import show_gallery
from pages.parts.data.near_duplicate_groups import show_near_duplicates
from pages.parts.shared.choose_data import choose_data, divided, look, show_problems
from pages.parts.shared.form import KEPT, fill_once
from pages.parts.shared.services import get_services
from pages.parts.shared.show import show_chart, show_table

UNBALANCED = 3.0  # from this ratio of the largest to the smallest class on, weights are offered


def main() -> None:
    services = get_services()
    st.title("Data")
    fill_once()  # the form of the Train page, whose images and dials are set here too
    data = choose_data(services)
    report = look(data) if data else None
    if not report:
        st.caption(
            "A class is a folder of its images, named after it. Folders train, validation and test around the "
            "classes are kept as they are."
        )
        return
    _show_figures(report.dataset)
    _show_contents(report)
    show_near_duplicates(services, data, report)
    if report.dataset.pictures:
        st.subheader("Images")
        shown = show_gallery(report)
        st.subheader("Augmentation")
        if shown:
            show_views(report, shown)
    if st.button("Train on these images", type="primary", disabled=not report.manifest):
        st.switch_page("pages/train.py")


def _show_figures(dataset: Dataset) -> None:
    width, height = dataset.median_size
    figures = {
        "Images": f"{len(dataset.pictures):,}",
        "Classes": f"{len(dataset.classes):,}",
        "Median size": f"{width} × {height}",
        "Problems": f"{len(dataset.problems):,}",
        "Groups of equal images": f"{len(dataset.duplicates):,}",
        "Of near-duplicates": f"{len(dataset.near_duplicates):,}",
    }
    with st.container(horizontal=True, gap="medium"):
        for label, figure in figures.items():
            st.metric(label, figure, width="content")


def _show_contents(report: Report) -> None:
    """The classes, and beside them the problems where there are any."""
    halves = st.columns(2, gap="large") if report.manifest and report.dataset.problems else [st.container()] * 2
    if report.manifest:
        with halves[0]:
            _show_classes(report.dataset, report.manifest)
    if report.dataset.problems:
        with halves[1]:
            st.subheader("Problems")
            show_problems(report.dataset)


def _show_classes(dataset: Dataset, manifest: Manifest) -> None:
    st.subheader("Classes")
    own = any(picture.split for picture in dataset.pictures)
    st.caption(
        f"{divided(manifest)}, "
        + ("as the folders train, validation and test say." if own else "divided by content: the same way every time.")
    )
    show_chart(class_bars(manifest), "classes", "Images of each class, in parts for training, validation and test")
    if dataset.imbalance > UNBALANCED:
        _offer_weights(dataset)
    if dataset.duplicates:
        with st.expander(f"{count(len(dataset.duplicates), 'group')} of equal images: each group stays in one part"):
            show_table(
                [
                    {"Group": number, "File": picture.path}
                    for number, group in enumerate(dataset.duplicates, start=1)
                    for picture in group
                ],
                "equal-images",
                "Files with the same content, by group",
            )


def _offer_weights(dataset: Dataset) -> None:
    largest, smallest = (escape_markdown(pick(dataset.counts, key=dataset.counts.get)) for pick in (max, min))
    st.markdown(
        f":material/warning: {largest} has {dataset.imbalance:.1f} times as many images as {smallest}. "
        "A model may neglect rare classes; weighing them more in training counters that."
    )
    st.checkbox("Weigh rare classes more", key="class-weights", **KEPT)


main()
