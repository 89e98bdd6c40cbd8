"""Runs followed while they train: one poller, which holds no metrics of its own."""

from collections.abc import Sequence

import streamlit as st

import core
from pages.parts.curve_controls import show_curves
from pages.parts.run_details import show_details
from pages.parts.run_row import show_run
from pages.parts.services import Services

POLL_SECONDS = 1.0


def watch(here: Services, runs: Sequence[core.Run]) -> None:
    """Show these runs, and poll them until all have ended.

    Rows of runs that have ended stand outside what is polled: a browser that falls behind is cut off by the server.
    """
    ended = [run for run in runs if run.state.is_finished]
    try:
        _show_rows(here, runs, ended, core.labels(runs))
    except core.NoSuchRun:  # deleted since it was listed
        st.rerun()
    st.fragment(_poll, run_every=None if len(ended) == len(runs) else POLL_SECONDS)(
        here, [run.id for run in runs], [run.state for run in runs])


def _poll(here: Services, run_ids: Sequence[str], states: Sequence[core.State]) -> None:
    """One look at the store. A change of state redraws the whole page; so does a run that was deleted meanwhile."""
    try:
        runs = [here.store.get(run_id) for run_id in run_ids]
        if [run.state for run in runs] != list(states):
            st.rerun()
        _show(here, runs, {run.id: here.store.metrics(run.id) for run in runs})
    except core.NoSuchRun:
        st.rerun()


def _show_rows(here: Services, runs: Sequence[core.Run], some: Sequence[core.Run], names: dict[str, str]) -> None:
    """A row for some of the runs, each with the name and colour that tell it from all of them."""
    colours = core.run_colours(runs)
    waiting = [run.id for run in here.store.active() if run.state is core.State.QUEUED]
    for run in some:
        show_run(here, run, here.store.metrics(run.id), names[run.id], colours[run.id], waiting)


def _show(here: Services, runs: Sequence[core.Run], metrics: dict[str, core.Metrics]) -> None:
    names = core.labels(runs)
    _show_rows(here, runs, [run for run in runs if not run.state.is_finished], names)
    if any(metrics[run.id].epochs or metrics[run.id].steps for run in runs):
        show_curves(runs, metrics)
    elif not all(run.state.is_finished for run in runs):
        st.caption("Curves appear with the first batches.")
    show_details(here, runs, names)

