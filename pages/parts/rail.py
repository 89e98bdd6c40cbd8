"""The rail: which runs a page shows, chosen in the sidebar and told by the URL."""

from collections.abc import Sequence
from itertools import groupby, islice

import streamlit as st

import core
from core.analysis.words import moment, plain
from pages.parts.services import Services
from pages.parts.show import swatch

SHOWN = 24


def choose_runs(here: Services) -> list[core.Run]:
    """The chosen runs, the oldest first: by default those of the newest study.

    The URL names them: `?study=ID` for a whole study, else `?run=ID` once a run.
    """
    runs = here.store.runs()
    chosen = _from_url(runs)
    with st.sidebar:
        _show_rail(runs, chosen)
    return chosen


def _from_url(runs: Sequence[core.Run]) -> list[core.Run]:
    """What the URL asks for; a warning where some of it is gone."""
    study, ids = st.query_params.get("study", ""), set(st.query_params.get_all("run"))
    if not study and not ids:
        study = runs[0].study if runs else ""
    found = [run for run in reversed(runs) if run.id in ids or run.study == study]
    if (study and not any(run.study == study for run in found)) or ids - {run.id for run in found}:
        st.warning("Some of these runs are no longer in the runs folder. Choose others in the list at the left.")
    return found


def _show_rail(runs: Sequence[core.Run], chosen: Sequence[core.Run]) -> None:
    if not runs:
        return
    text = st.text_input("Find runs", key="find", bind="query-params", placeholder="strategy, images, state, date")
    shown = list(islice(core.matching(runs, text), SHOWN))
    colours, picked = core.run_colours(chosen), {run.id for run in chosen}
    for study, members in groupby(shown, key=lambda run: run.study):
        _show_study(study, sorted(members, key=lambda run: run.id), colours, picked)
    if not shown:
        st.caption("No run fits.")
    elif len(runs) > len(shown):
        st.caption(f"{len(shown)} of {len(runs):,} runs. Search to see others.")


def _show_study(study: str, members: Sequence[core.Run], colours: dict[str, str], picked: set[str]) -> None:
    data = next((core.data_name(run.config.data) for run in members if run.config), "")
    st.button(f"{moment(study)} · {plain(data)}", key=f"study-{study}", type="tertiary", on_click=_choose,
              args=(study, []), help="Show this study alone")
    for run in members:
        _show_run(run, colours.get(run.id, "transparent"), picked)


def _show_run(run: core.Run, colour: str, picked: set[str]) -> None:
    key = f"pick-{run.id}"
    st.session_state[key] = run.id in picked
    state = "" if run.state is core.State.COMPLETED else f" :gray[{run.state}]"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(swatch(colour), width="content")
        st.checkbox(plain(run.title) + state, key=key, on_change=_choose, width="stretch",
                    args=("", sorted(picked ^ {run.id})))


def _choose(study: str, ids: Sequence[str]) -> None:
    """Show one study, or these runs."""
    for name in ("study", "run"):
        if name in st.query_params:
            del st.query_params[name]
    if study:
        st.query_params["study"] = study
    elif ids:
        st.query_params["run"] = list(ids)
