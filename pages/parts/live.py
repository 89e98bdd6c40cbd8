"""A study as it trains, and what has finished."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

import core
from core.analysis.words import count, duration, percent, plain
from pages.common import Services

POLL_SECONDS = 1.0
BADGES = {core.State.COMPLETED: "green", core.State.FAILED: "red", core.State.DIVERGED: "red",
          core.State.CORRUPT: "red", core.State.LOST: "orange", core.State.STOPPING: "orange",
          core.State.RUNNING: "blue", core.State.STARTING: "blue"}


def watch(here: Services, study_id: str) -> None:
    """Poll one study until all of its runs have ended."""
    try:
        finished = here.store.study(study_id).is_finished
    except core.NoSuchRun:
        st.warning("This study is no longer in the runs folder. Start a new one, or choose another below.")
        return
    st.fragment(_poll, run_every=None if finished else POLL_SECONDS)(here, study_id, finished)


def _poll(here: Services, study_id: str, was_finished: bool) -> None:
    """One look at the store; a run whose folder was deleted meanwhile is looked for anew."""
    try:
        _show(here, here.store.study(study_id), was_finished)
    except core.NoSuchRun:
        st.rerun()


def _show(here: Services, study: core.Study, was_finished: bool) -> None:
    """The page holds no metrics; only a change of state redraws the rest of it."""
    states = [run.state for run in study.runs]
    if st.session_state.get("states", states) != states or study.is_finished != was_finished:
        st.session_state["states"] = states
        st.rerun()
    st.session_state["states"] = states
    metrics = {run.id: here.store.metrics(run.id) for run in study.runs}
    for run in study.runs:
        _show_run(here, run, metrics[run.id])
    for column, measure in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        figure = core.learning_curves(study.runs, metrics, measure)
        column.plotly_chart(figure, key=f"{study.id}-{measure}", config={"displaylogo": False})
    st.caption("Solid: training. Dashed: validation. Star: best epoch, whose weights are kept.")
    _show_results(here, study)


def _show_run(here: Services, run: core.Run, metrics: core.Metrics) -> None:
    name, bar, act = st.columns([3, 7, 2], vertical_alignment="center")
    colour = core.colours([run.config.strategy.name])[run.config.strategy.name] if run.config else "#7F7F7F"
    name.markdown(f'<span style="color:{colour}">■</span> **{plain(run.title)}**', unsafe_allow_html=True)
    done = core.progress(run, metrics)
    bar.progress(done.share, _now(run, metrics, done))
    if run.status.error:
        st.error(plain(f"{run.status.error.message} {run.status.error.advice}"))
    with act.container(horizontal=True, vertical_alignment="center"):
        st.badge(run.state.capitalize(), color=BADGES.get(run.state, "gray"))
        if not run.state.is_finished and run.state is not core.State.STOPPING:
            st.button("Stop", key=f"stop-{run.id}", on_click=_act, args=(here.launcher.cancel, run.id))
        elif run.state.is_resumable:
            st.button("Resume", key=f"resume-{run.id}", on_click=_act, args=(here.launcher.resume, run.id))


def _act(what: Callable[[str], None], run_id: str) -> None:
    try:
        what(run_id)
    except (ValueError, OSError, core.NoSuchRun) as error:
        st.toast(plain(str(error)))


def _now(run: core.Run, metrics: core.Metrics, done: core.Progress) -> str:
    """What a run does now, or what came out of it, in one line."""
    if run.state is core.State.QUEUED:
        return "Waits for its turn"
    if run.status.note:
        return plain(run.status.note)
    best = f"best validation accuracy {percent(metrics.best['val_accuracy'])}" if metrics.best else ""
    if run.state.is_finished:
        epochs = f"{done.epoch} of {count(done.epochs, 'epoch')}" if done.epoch else "Ended before its first epoch"
        return f"{epochs}{', ' + best if best else ''}"
    if run.state is not core.State.RUNNING:
        return "Loading Keras" if run.state is core.State.STARTING else str(run.state).capitalize()
    left = f"{duration(done.seconds_left)} left" if done.seconds_left else ""
    speed = f"{run.status.images_per_second:.0f} images/s" if run.status.images_per_second else ""
    parts = [f"Epoch {done.epoch} of {done.epochs}", f"phase {done.phase}", speed, left, best]
    return ", ".join(part for part in parts if part)


def _show_results(here: Services, study: core.Study) -> None:
    finished = [core.summarise(here.store, run) for run in study.runs if run.state.is_finished]
    measured = [summary for summary in finished if summary.test_accuracy is not None]
    if not measured:
        return
    st.subheader("On the test images")
    st.dataframe([{
        "Strategy": row.title, "Test accuracy": percent(row.test_accuracy), "Macro F1": percent(row.macro_f1),
        "Best validation accuracy": percent(row.best_val_accuracy), "at epoch": row.best_epoch,
        "Parameters trained": f"{row.trainable_parameters or 0:,}", "Training time": duration(row.seconds),
    } for row in measured], hide_index=True)
    st.caption(f"{count(measured[0].test_images, 'test image')}, looked at once, with each run's best epoch.")


def show_studies(here: Services, current: str) -> None:
    """The newest studies; choosing one opens it."""
    runs = here.store.runs()
    ids = list(dict.fromkeys(run.study for run in runs))[:20]
    if not ids or ids == [current]:
        return
    st.subheader("Studies")
    try:
        rows = [_study_row(here, study_id, [run for run in runs if run.study == study_id]) for study_id in ids]
    except core.NoSuchRun:  # its folder was deleted while the list was made
        st.rerun()
    # a table of its own for each study shown: a choice made once must not lead away from the next one
    chosen = st.dataframe(rows, hide_index=True, on_select="rerun", selection_mode="single-row",
                          key=f"studies-{current}")
    picked = [ids[row] for row in chosen.selection.rows if row < len(ids)]
    if picked and picked[0] != current:
        st.query_params["study"] = picked[0]
        st.rerun()


def _study_row(here: Services, study_id: str, runs: list[core.Run]) -> dict[str, str]:
    measured = [(evaluation["accuracy"], run.title) for run in runs if (evaluation := here.store.evaluation(run.id))]
    config = next((run.config for run in runs if run.config), None)
    return {"When": f"{study_id[:4]}-{study_id[4:6]}-{study_id[6:8]} {study_id[9:11]}:{study_id[11:13]}",
            "Images": Path(config.data).name if config else "",
            "Strategies": ", ".join(dict.fromkeys(run.title for run in reversed(runs))),
            "Best on the test images": f"{max(measured)[1]}, {percent(max(measured)[0])}" if measured else "–",
            "State": ", ".join(dict.fromkeys(str(run.state) for run in runs))}


