"""Runs that are updated while they train, by fragments that poll the store and hold no metrics themselves.

Parts that change only with a run's state (waiting and finished runs, results, settings) are drawn outside the
fragments, so that less is sent: the server disconnects a browser that receives more than it can draw.
"""

from collections.abc import Sequence

import streamlit as st

from core.analysis.charts.palette import run_colours
from core.analysis.results.settings import run_labels
from core.experiment.runs.run import AnyRun, State
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.runs.export_model import show_export
from pages.parts.runs.run_details import show_details
from pages.parts.runs.run_row import show_run
from pages.parts.shared.curve_controls import show_curves
from pages.parts.shared.services import Services

ROWS_SECONDS, CURVES_SECONDS = 1.0, 2.0


def show_live_runs(services: Services, runs: Sequence[AnyRun]) -> None:
    """Show these runs, and update them until all have finished."""
    live = not all(run.state.is_finished for run in runs)
    queued = [run for run in runs if run.state is State.QUEUED]
    finished = [run for run in runs if run.state.is_finished]
    queue = _queue(services)
    try:
        _show_rows(services, runs, finished, queue)
        st.fragment(_follow_rows, run_every=ROWS_SECONDS if live else None)(services, runs, queue)
        _show_rows(services, runs, queued, queue)
        st.fragment(_follow_curves, run_every=CURVES_SECONDS if live else None)(services, [run.id for run in runs])
        names = run_labels(runs)
        show_details(services, runs, names)
        show_export(services, runs, names)
    except NoSuchRun:  # deleted after it was listed
        st.rerun()


def _queue(services: Services) -> list[str]:
    return [run.id for run in services.store.active() if run.state is State.QUEUED]


def _follow_rows(services: Services, before: Sequence[AnyRun], queue: Sequence[str]) -> None:
    """Update the rows of training runs. If a state or the queue changes or a run is deleted, redraw the whole page."""
    try:
        runs = [services.store.get(run.id) for run in before]
        if [run.state for run in runs] != [run.state for run in before] or _queue(services) != queue:
            st.rerun()
        training = [run for run in runs if run.state is not State.QUEUED and not run.state.is_finished]
        _show_rows(services, runs, training, queue)
    except NoSuchRun:
        st.rerun()


def _show_rows(services: Services, runs: Sequence[AnyRun], shown: Sequence[AnyRun], queue: Sequence[str]) -> None:
    """Show a row for each of the `shown` runs, with its name and colour among all `runs`."""
    names, colours = run_labels(runs), run_colours(runs)
    for run in shown:
        show_run(services, run, services.store.metrics(run.id), names[run.id], colours[run.id], queue)


def _follow_curves(services: Services, run_ids: Sequence[str]) -> None:
    try:
        runs = [services.store.get(run_id) for run_id in run_ids]
        metrics = {run_id: services.store.metrics(run_id) for run_id in run_ids}
    except NoSuchRun:
        st.rerun()
    if any(metrics[run.id].epochs or metrics[run.id].steps for run in runs):
        show_curves(runs, metrics)
    elif not all(run.state.is_finished for run in runs):
        st.caption("Curves appear after the first batches.")
