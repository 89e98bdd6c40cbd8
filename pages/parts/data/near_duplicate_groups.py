"""Near-duplicates: the groups, what a careless split would have leaked, and what leaks did to runs."""

from pathlib import PurePosixPath

import streamlit as st

from core.analysis.comparison.leakage_effect import leak_table
from core.analysis.text import count, escape_markdown, percent, shorten
from core.data.datasets.reports import Report
from core.data.datasets.scan import ImageFile
from core.experiment.runs.run import Run
from pages.parts.data.gallery import thumbnails
from pages.parts.shared.services import Services
from pages.parts.shared.show import show_table

_GROUPS, _IN_A_GROUP, _WIDTH, _RUNS = 12, 6, 96, 20


def show_near_duplicates(services: Services, data: str, report: Report) -> None:
    """Nothing where no picture is like another."""
    groups = report.dataset.near_duplicates
    if not groups:
        return
    st.subheader("Near-duplicates")
    st.markdown(_told(report, len(groups)))
    with st.expander(f"{count(len(groups), 'group')} of images that show one photo"):
        pages = -(-len(groups) // _GROUPS)
        page = st.pagination(pages, key="near-page") if pages > 1 else 1
        with st.container(horizontal=True, gap="medium"):
            for group in groups[(page - 1) * _GROUPS : page * _GROUPS]:
                _show(report, group)
    _show_leaks(services, data, report)


def _told(report: Report, groups: int) -> str:
    """What they are, and what would have come of them."""
    what = (
        f"{count(groups, 'group')} of images show one photo: resized, recompressed, cropped a little, brightened, "
        "mirrored, or taken twice."
    )
    if report.manifest is None:
        return what
    leaks, tests = report.leaks_without_grouping, report.manifest.counts()["test"]
    would = (
        f"In a careless split {leaks:,} of {tests:,} test images ({percent(leaks / tests)}) would have had their "
        "like outside the test."
        if leaks
        else "At seed 0 a careless split would have been lucky: nothing leaks."
    )
    left_out = len(report.dataset.pictures) - len(report.manifest.items)
    own = f" {count(left_out, 'image')} whose like is in a stricter folder of yours is left out." if left_out else ""
    return f"{what} Each stays in one part: a test must not ask what was learned by heart.{own} {would}"


def _show(report: Report, group: tuple[ImageFile, ...]) -> None:
    shown = group[:_IN_A_GROUP]
    with st.container(border=True, horizontal=True, gap="small", width="content"):
        for picture, small in zip(shown, thumbnails().of(report.dataset.root, shown), strict=True):
            name = PurePosixPath(picture.path).stem
            st.image(small, escape_markdown(shorten(name, 14)), width=_WIDTH, alt=shorten(name))
        if len(group) > len(shown):
            st.caption(f"and {len(group) - len(shown):,} more")


def _show_leaks(services: Services, data: str, report: Report) -> None:
    """Runs on these images that were tested on what they had learned from; looked up only when asked for."""
    if not st.toggle("What leaks did to runs on these images", key="leaks", bind="query-params"):
        return
    runs = [
        run
        for run in services.store.runs()
        if isinstance(run, Run) and run.config.data == data and run.state.is_finished
    ]
    rows, formats = leak_table(services.store, runs[:_RUNS], report.dataset)
    if rows:
        show_table(rows, "leaks", "Accuracy of each run with and without test images that leaked", formats)
    else:
        st.markdown(
            "None of the newest runs on these images was tested on a leaked one. To see what leaks do, untick "
            "Near-duplicates in one part under Advanced on the Train page."
        )
