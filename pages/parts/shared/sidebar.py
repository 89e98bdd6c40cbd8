"""The sidebar of every page: devices and running trainings."""

from collections.abc import Sequence
from statistics import fmean

import streamlit as st

from core.analysis.results.summary import progress
from core.analysis.text import count, duration, gigabytes
from core.experiment.runs.run import Run, State
from core.experiment.runs.run_folder import NoSuchRun
from core.machine.devices import training_devices
from pages.parts.shared.services import Services

POLL_SECONDS = 2.0


def sidebar(services: Services) -> None:
    """Show the devices and the running trainings, updated while runs are active."""
    with st.sidebar:
        busy = bool(services.store.active())
        st.fragment(_show_running, run_every=POLL_SECONDS if busy else None)(services, busy)


def _show_running(services: Services, was_busy: bool) -> None:
    """Show devices and running trainings, and redraw the page when the last run has finished."""
    active = services.store.active()
    if was_busy and not active:
        st.rerun()
    running = [run for run in active if run.state is not State.QUEUED]
    waiting = len(active) - len(running)
    for device in training_devices():
        used, total = gigabytes(device.memory_used), gigabytes(device.memory_total)
        st.caption(f"{device.name}  \n{used} of {total} used, {device.load:.0%} busy")
    for study in dict.fromkeys(run.study for run in running):
        _show_study(services, study, [run for run in running if run.study == study])
    if waiting:
        st.caption(f"{count(waiting, 'run')} waiting.")
    elif not running:
        st.caption("No run is training.")


def _show_study(services: Services, study: str, running: Sequence[Run]) -> None:
    """Show the progress of the runs of a study that train now, and a link to them."""
    try:
        done = [progress(run, services.store.metrics(run.id)) for run in running]
    except NoSuchRun:  # deleted after it was listed
        return
    left = done[0].seconds_left if len(done) == 1 else None
    title = running[0].title if len(running) == 1 else f"{count(len(running), 'run')} side by side"
    st.progress(fmean(one.share for one in done), title + (f", {duration(left)} left" if left else ""))
    st.page_link("pages/runs.py", label="Show progress", icon=":material/monitoring:", query_params={"study": study})
