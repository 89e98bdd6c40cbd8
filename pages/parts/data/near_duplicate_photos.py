"""Near-duplicates: the images, how many test images would leak if they were divided, and the effect on runs."""

from pathlib import PurePosixPath

import streamlit as st

from core.analysis.comparison.leakage_effect import leak_table
from core.analysis.text import count, escape_markdown, percent, shorten
from core.data.datasets.dataset import ImageFile
from core.data.datasets.reports import Report
from core.experiment.runs.run import Run
from pages.parts.data.gallery import thumbnail_cache
from pages.parts.shared.services import Services
from pages.parts.shared.show import show_table

_PHOTOS_PER_PAGE, _IMAGES_PER_PHOTO, _WIDTH, _MAX_RUNS = 12, 6, 96, 20


def show_near_duplicates(services: Services, data: str, report: Report) -> None:
    """Show the near-duplicates, photo by photo, and their effect; nothing if there are none."""
    photos = report.dataset.near_duplicates
    if not photos:
        return
    st.subheader("Near-duplicates")
    st.markdown(_summary(report))
    with st.expander("View the near-duplicates"):
        pages = -(-len(photos) // _PHOTOS_PER_PAGE)
        page = st.pagination(pages, key="near-page") if pages > 1 else 1
        with st.container(horizontal=True, gap="medium"):
            for images in photos[(page - 1) * _PHOTOS_PER_PAGE : page * _PHOTOS_PER_PAGE]:
                _show_photo(report, images)
    _show_leakage_effect(services, data, report)


def _summary(report: Report) -> str:
    """Describe the near-duplicates, and how many test images would leak if they were divided."""
    photos = report.dataset.near_duplicates
    found = (
        f"{sum(map(len, photos)):,} images show {count(len(photos), 'photo')} more than once: resized, recompressed, "
        "slightly cropped, brightened, mirrored, taken twice, or frames of one recording."
    )
    if report.manifest is None or report.warnings or not report.leak_free:
        return found  # the warnings beside the classes give the number of leaked test images
    leaks, tests = report.leak_count_if_divided, report.manifest.counts()["test"]
    leakage = (
        f"Divided image by image, {leaks:,} of {tests:,} test images ({percent(leaks / tests)}) would have a "
        "near-duplicate outside the test part."
        if leaks
        else "At seed 0, no test image would leak even if they were divided image by image."
    )
    return f"{found} Near-duplicates stay in one part, so that the test images are unseen. {leakage}"


def _show_photo(report: Report, images: tuple[ImageFile, ...]) -> None:
    shown = images[:_IMAGES_PER_PHOTO]
    with st.container(border=True, horizontal=True, gap="small", width="content"):
        for image, thumbnail in zip(shown, thumbnail_cache().get(report.dataset.root, shown), strict=True):
            name = PurePosixPath(image.path).stem
            st.image(thumbnail, escape_markdown(shorten(name, 14)), width=_WIDTH, alt=shorten(name))
        if len(images) > len(shown):
            st.caption(f"and {len(images) - len(shown):,} more")


def _show_leakage_effect(services: Services, data: str, report: Report) -> None:
    """Compare the accuracy of runs on these images with and without leaked test images, if the user requests it."""
    if not st.toggle("Effect of leaks on runs with these images", key="leaks", bind="query-params"):
        return
    runs = [
        run
        for run in services.store.runs()
        if isinstance(run, Run) and run.config.data == data and run.state.is_finished
    ]
    rows, formats = leak_table(services.store, runs[:_MAX_RUNS], report.dataset)
    if rows:
        show_table(rows, "leaks", "Accuracy of each run with and without leaked test images", formats)
    else:
        st.markdown(
            "None of the newest finished runs on these images has leaked test images. To see the effect of leaks, "
            "train with Keep near-duplicates together unticked."
        )
