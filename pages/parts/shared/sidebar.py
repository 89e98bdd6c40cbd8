"""The sidebar of every page: devices and running trainings."""

import streamlit as st

from core.analysis.results.summary import progress
from core.analysis.text import count, duration, gigabytes
from core.experiment.runs.run import State
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
    for run in running:
        try:
            done = progress(run, services.store.metrics(run.id))
        except NoSuchRun:
            continue
        st.progress(done.share, run.title + (f", {duration(done.seconds_left)} left" if done.seconds_left else ""))
        st.page_link(
            "pages/runs.py", label="Show progress", icon=":material/monitoring:", query_params={"study": run.study}
        )
    if waiting:
        st.caption(f"{count(waiting, 'run')} waiting.")
    elif not running:
        st.caption("No run is training.")
