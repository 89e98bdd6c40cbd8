"""Near-duplicates: the groups, how many test images leak in a split without grouping, and the effect on runs."""

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

_GROUPS_PER_PAGE, _IMAGES_PER_GROUP, _WIDTH, _MAX_RUNS = 12, 6, 96, 20


def show_near_duplicates(services: Services, data: str, report: Report) -> None:
    """Show the groups and their effect; nothing if there are no near-duplicates."""
    groups = report.dataset.near_duplicates
    if not groups:
        return
    st.subheader("Near-duplicates")
    st.markdown(_summary(report, len(groups)))
    with st.expander(f"{count(len(groups), 'group')} of near-duplicates"):
        pages = -(-len(groups) // _GROUPS_PER_PAGE)
        page = st.pagination(pages, key="near-page") if pages > 1 else 1
        with st.container(horizontal=True, gap="medium"):
            for group in groups[(page - 1) * _GROUPS_PER_PAGE : page * _GROUPS_PER_PAGE]:
                _show_group(report, group)
    _show_leakage_effect(services, data, report)


def _summary(report: Report, groups: int) -> str:
    """Describe the near-duplicates, and how many test images would leak without grouping."""
    found = (
        f"{count(groups, 'group')} of images that show the same photo: resized, recompressed, slightly cropped, "
        "brightened, mirrored, or taken twice."
    )
    if report.manifest is None or report.warnings or not report.leak_free:
        return found  # the warnings beside the classes give the number of leaked test images
    leaks, tests = report.leak_count_if_ungrouped, report.manifest.counts()["test"]
    leakage = (
        f"Without grouping, {leaks:,} of {tests:,} test images ({percent(leaks / tests)}) would have a near-duplicate "
        "outside the test part."
        if leaks
        else "At seed 0, no test image would leak even without grouping."
    )
    return f"{found} Each group stays in one part, so that the test images are unseen. {leakage}"


def _show_group(report: Report, group: tuple[ImageFile, ...]) -> None:
    shown = group[:_IMAGES_PER_GROUP]
    with st.container(border=True, horizontal=True, gap="small", width="content"):
        for image, thumbnail in zip(shown, thumbnail_cache().get(report.dataset.root, shown), strict=True):
            name = PurePosixPath(image.path).stem
            st.image(thumbnail, escape_markdown(shorten(name, 14)), width=_WIDTH, alt=shorten(name))
        if len(group) > len(shown):
            st.caption(f"and {len(group) - len(shown):,} more")


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
            "None of the newest runs on these images has leaked test images. To see the effect of leaks, untick "
            "Group near-duplicates and train again."
        )
