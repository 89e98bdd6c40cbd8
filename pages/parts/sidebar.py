"""What stands beside every page: the device and what trains now."""

import streamlit as st

import core
from core.analysis.words import duration, gigabytes
from pages.parts.services import Services

POLL_SECONDS = 2.0


def sidebar(here: Services) -> None:
    """The device and what runs now, on every page."""
    with st.sidebar:
        running = _running(here)
        st.fragment(_show_running, run_every=POLL_SECONDS if running else None)(here, bool(running))
        for study in dict.fromkeys(run.study for run in running):
            st.page_link("pages/runs.py", label="Watch it", icon=":material/monitoring:",
                         query_params={"study": study})


def _running(here: Services) -> list[core.Run]:
    return [run for run in here.store.active() if run.state is not core.State.QUEUED]


def _show_running(here: Services, was_running: bool) -> None:
    """The device and what trains on it, kept fresh; the page is redrawn when the last run ends."""
    running = _running(here)
    if was_running and not running:
        st.rerun()
    for device in core.training_devices():
        used, total = gigabytes(device.memory_used), gigabytes(device.memory_total)
        st.caption(f"{device.name}  \n{used} of {total} used, {device.load:.0%} busy")
    for run in running:
        try:
            done = core.progress(run, here.store.metrics(run.id))
        except core.NoSuchRun:
            continue
        st.progress(done.share, run.title + (f", {duration(done.seconds_left)} left" if done.seconds_left else ""))
    if not running:
        st.caption("Nothing trains now.")
