"""One run in the list: name, state, progress and buttons."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.analysis.results.summary import Progress, progress
from core.analysis.text import count, duration, escape_markdown, percent
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import AnyRun, Run, State
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.shared.run_picker import deselect_run
from pages.parts.shared.services import Services, error_text
from pages.parts.shared.show import state_badge, swatch


def show_run(services: Services, run: AnyRun, metrics: Metrics, name: str, colour: str, waiting: Sequence[str]) -> None:
    """Show the name, state, buttons and progress of a run, and its error if it failed.

    Args:
        waiting: ids of the queued runs, in the order in which they will start.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{swatch(colour)} **{escape_markdown(name)}**", unsafe_allow_html=True, width="content")
        state_badge(run.state)
        st.space("stretch")
        _show_buttons(services, run)
    done = progress(run, metrics)
    if run.state.is_finished:
        st.caption(_outcome(run, metrics, done))
    else:
        text = _queue_position(run, metrics, waiting) if run.state is State.QUEUED else _activity(run, metrics, done)
        st.progress(done.share, text)
    if run.status.error:
        st.error(escape_markdown(f"{run.status.error.message} {run.status.error.advice}"))
    if run.status.remark:
        st.caption(f":material/info: {escape_markdown(run.status.remark)}")
    if metrics.skipped:
        st.caption(f"{count(metrics.skipped, 'damaged line')} skipped in the metrics of this run.")


def _show_buttons(services: Services, run: AnyRun) -> None:
    if run.state.is_resumable:
        st.button(
            "Resume",
            key=f"resume-{run.id}",
            on_click=_call,
            args=(services.launcher.resume, run.id),
            help="Continue from the newest checkpoint",
        )
    elif not run.state.is_finished:
        st.button(
            "Stop",
            key=f"stop-{run.id}",
            on_click=_call,
            args=(services.launcher.cancel, run.id),
            disabled=run.state is State.STOPPING,
        )
    if isinstance(run, Run):
        st.page_link(
            "pages/train.py",
            label="Duplicate",
            icon=":material/content_copy:",
            query_params={"from": run.id},
            help="Set up a study with these settings",
        )
    if run.state.is_finished:
        with st.popover("Delete", type="tertiary", key=f"ask-{run.id}"):
            st.markdown("This deletes the model, curves and results of the run. It cannot be undone.")
            st.button("Delete permanently", key=f"delete-{run.id}", on_click=_delete, args=(services, run.id))


def _call(action: Callable[[str], None], run_id: str) -> None:
    try:
        action(run_id)
    except (ValueError, OSError, NoSuchRun) as error:
        st.toast(escape_markdown(error_text(error)))


def _delete(services: Services, run_id: str) -> None:
    _call(services.store.delete, run_id)
    deselect_run(run_id)


def _outcome(run: AnyRun, metrics: Metrics, done: Progress) -> str:
    """The result of a finished run, in one line."""
    early = "Ended during the first epoch" if run.status.started else "Never started"
    epochs = f"{done.epoch} of {count(done.epochs, 'epoch')}" if done.epoch else early
    spent = [f"{duration(metrics.elapsed)} of training"] if metrics.elapsed else []
    saved = (
        [f"{duration(run.status.saved_seconds)} saved by the feature cache"] if run.status.saved_seconds >= 1 else []
    )
    return ", ".join([epochs, *_best(metrics), *spent, *saved])


def _queue_position(run: AnyRun, metrics: Metrics, waiting: Sequence[str]) -> str:
    """What a queued run waits for. Its head may have been trained already, beside another run."""
    ahead = waiting.index(run.id) if run.id in waiting else 0
    text = f"Waiting, {count(ahead, 'run')} ahead" if ahead else "Waiting for a device"
    return f"{text}, {count(len(metrics.epochs), 'epoch')} done" if metrics.epochs else text


def _activity(run: AnyRun, metrics: Metrics, done: Progress) -> str:
    """The current activity of a run, in one line."""
    if run.status.note:
        return escape_markdown(run.status.note)
    if run.state is not State.RUNNING:
        return "Starting" if run.state is State.STARTING else str(run.state).capitalize()
    if not metrics.epochs and not metrics.steps:
        return "Preparing the first batch"
    if done.phase > max(row["phase"] for row in (*metrics.epochs[-1:], *metrics.steps[-1:])):
        return f"Preparing phase {done.phase}, {count(len(metrics.epochs), 'epoch')} done"
    speed = [f"{run.status.images_per_second:.0f} images/s"] if run.status.images_per_second else []
    spent = [f"{duration(metrics.elapsed)} so far"] if metrics.elapsed else []
    left = [f"{duration(done.seconds_left)} left"] if done.seconds_left else []
    return ", ".join(
        [f"Epoch {done.epoch} of {done.epochs}", f"phase {done.phase}", *speed, *spent, *left, *_best(metrics)]
    )


def _best(metrics: Metrics) -> list[str]:
    best = metrics.best
    return [f"best validation accuracy {percent(best['val_accuracy'])} at epoch {best['epoch']}"] if best else []
