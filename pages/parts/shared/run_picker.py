"""The list of runs in the sidebar, in which the runs of a page are chosen. The choice is in the URL."""

from collections.abc import Collection, Sequence
from itertools import groupby, islice
from typing import Literal

import streamlit as st

from core.analysis.charts.palette import run_colours
from core.analysis.results.search import search_runs
from core.analysis.results.settings import data_name, run_labels
from core.analysis.text import escape_markdown, study_time
from core.experiment.runs.run import AnyRun, Run, State
from pages.parts.shared.show import swatch

MAX_LISTED, MAX_SHOWN = 24, 30
"""Maximum number of runs in the list, apart from chosen ones, which are all listed, and on a page."""


def choose_runs(runs: Sequence[AnyRun], most: int = MAX_SHOWN) -> list[AnyRun]:
    """Show the list, and return the chosen runs, the oldest first; by default those of the newest study.

    The URL holds the choice: `?study=ID` for a whole study, or `?run=ID` once for each run.

    Args:
        runs: all runs, the newest first.
        most: number of runs that are returned at most; those that wait or train come before finished ones.
    """
    chosen = _from_url(runs)
    with st.sidebar:
        _show_list(runs, chosen)
    if runs and not chosen:
        st.markdown("No run is chosen. Choose runs in the list on the left.")
    if len(chosen) > most:
        st.caption(f"{most} of {len(chosen):,} chosen runs are shown, those that wait or train first.")
    return sorted(sorted(chosen, key=lambda run: run.state.is_finished)[:most], key=lambda run: run.id)


def select_run(
    label: str,
    run_ids: Sequence[str],
    names: dict[str, str],
    key: str,
    help: str | None = None,
    width: int | Literal["stretch"] = "stretch",
) -> str:
    """Show a list of runs by name, and return the id of the selected one. `key` is also the name in the URL."""
    return st.selectbox(
        label,
        run_ids,
        key=key,
        bind="query-params",
        width=width,
        format_func=lambda run_id: names.get(run_id, run_id),
        help=help,
    )


def deselect_run(run_id: str) -> None:
    """Remove a run from the choice."""
    if run_id in st.query_params.get_all("run"):
        _choose_runs(set(st.query_params.get_all("run")) - {run_id})


def _from_url(runs: Sequence[AnyRun]) -> list[AnyRun]:
    """The runs in the URL, with a warning if some no longer exist. `?run=` without an id chooses no run."""
    study, ids = st.query_params.get("study", ""), set(st.query_params.get_all("run"))
    if not study and not ids and runs:
        study = st.query_params["study"] = runs[0].study  # written to the URL, so that it always shows this study
    found = [run for run in reversed(runs) if run.id in ids or run.study == study]
    if (study and not any(run.study == study for run in found)) or ids - {""} - {run.id for run in found}:
        st.warning("Some of these runs are no longer in the runs folder. Choose others in the list on the left.")
    return found


def _show_list(runs: Sequence[AnyRun], chosen: Sequence[AnyRun]) -> None:
    if not runs:
        return
    text = st.text_input("Find runs", key="find", bind="query-params", placeholder="strategy, images, state, date")
    colours, picked = run_colours(chosen), {run.id for run in chosen}
    listed = list(search_runs(chosen, text))
    others = search_runs((run for run in runs if run.id not in picked), text)
    listed += islice(others, max(0, MAX_LISTED - len(listed)))
    shown = sorted(listed, key=lambda run: run.id, reverse=True)
    for study, members in groupby(shown, key=lambda run: run.study):
        _show_study(study, sorted(members, key=lambda run: run.id), colours, picked)
    if not shown:
        st.caption("No run matches. Change the search text.")
    elif len(runs) > len(shown):
        st.caption(f"{len(shown)} of {len(runs):,} runs. Search to see others.")


def _show_study(study: str, members: Sequence[AnyRun], colours: dict[str, str], picked: set[str]) -> None:
    data = next((data_name(run.config.data) for run in members if isinstance(run, Run)), "")
    st.button(
        f"{study_time(study)} · {escape_markdown(data)}",
        key=f"study-{study}",
        type="tertiary",
        on_click=_choose_study,
        args=(study,),
        help="Show only this study",
    )
    names = run_labels(members)
    for run in members:
        _show_run(run, names[run.id], colours.get(run.id, "transparent"), picked)


def _show_run(run: AnyRun, name: str, colour: str, picked: set[str]) -> None:
    key = f"pick-{run.id}"
    st.session_state[key] = run.id in picked
    state = "" if run.state is State.COMPLETED else f" :gray[{run.state}]"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(swatch(colour), width="content")
        st.checkbox(
            escape_markdown(name) + state, key=key, on_change=_pick, width="stretch", args=(run.id, frozenset(picked))
        )


def _pick(run_id: str, picked: Collection[str]) -> None:
    """Add or remove a run. A second quick click reads the result of the first from the URL."""
    before = set(st.query_params.get_all("run")) or set(picked)
    _choose_runs(before | {run_id} if st.session_state[f"pick-{run_id}"] else before - {run_id})


def _choose_runs(ids: Collection[str]) -> None:
    if "study" in st.query_params:
        del st.query_params["study"]
    st.query_params["run"] = sorted(set(ids) - {""}) or [""]


def _choose_study(study: str) -> None:
    if "run" in st.query_params:
        del st.query_params["run"]
    st.query_params["study"] = study
