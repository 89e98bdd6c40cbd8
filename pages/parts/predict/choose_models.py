"""Which trained models are asked: chosen here, told by the URL, each with the run it came from."""

from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from core.analysis.results.evaluation_file import evaluation_figures
from core.analysis.results.settings import data_name, run_labels
from core.analysis.results.trained_models import (
    ModelError,
    TrainedModel,
    default_models,
    runs_with_models,
    trained_model,
)
from core.analysis.text import escape_markdown, percent, study_time
from core.experiment.runs.run import AnyRun, Run
from pages.parts.shared.services import Services, refuse
from pages.parts.shared.show import swatch

MOST = 6
"""Models beside each other; more would leave no room for their answers."""


def choose_models(services: Services, runs: Sequence[AnyRun]) -> list[TrainedModel]:
    """The chosen models, the oldest run first: by default those of the newest study.

    The URL names them: `?run=ID` once a run, or `?study=ID` for a whole study.
    """
    _remember()
    offered = runs_with_models(services.store, runs)
    chosen = _from_url(services, runs)
    offered += [run for run in chosen if run not in offered]
    names = _names(offered)
    st.session_state["models"] = [run.id for run in chosen]
    st.multiselect(
        "Models",
        list(names),
        key="models",
        format_func=names.get,
        max_selections=MOST,
        on_change=_to_url,
        help="Each is the best epoch of its run.",
    )
    return [model for run in chosen if (model := _model(services, run))]


def _remember() -> None:
    """Who comes back by the menu, whose links name nothing, finds what he chose before."""
    asked = {name: st.query_params.get_all(name) for name in ("study", "run") if name in st.query_params}
    if asked:
        st.session_state["asked-models"] = asked
    else:
        st.query_params.update(st.session_state.get("asked-models", {}))


def asked_for(runs: Sequence[AnyRun]) -> list[AnyRun]:
    """The runs that the URL names, the oldest first."""
    study, ids = st.query_params.get("study", ""), set(st.query_params.get_all("run"))
    return [run for run in reversed(runs) if run.id in ids or (study and run.study == study)]


def show_origins(services: Services, models: Sequence[TrainedModel], colours: dict[str, str]) -> None:
    """Each model's colour and name, how it did on its test images, and a link to the run that it came from."""
    names = run_labels([model.run for model in models])
    with st.container(horizontal=True, vertical_alignment="center"):
        for model in models:
            accuracy = evaluation_figures(services.store.evaluation(model.run.id)).accuracy
            raw = "" if model.temperature else ", not calibrated"
            told = f", {percent(accuracy)} on its test images{raw}" if accuracy is not None else ", not measured"
            with st.container(horizontal=True, vertical_alignment="center", gap=None, width="content"):
                st.html(swatch(colours[model.run.id]), width="content")
                st.page_link(
                    "pages/runs.py",
                    label=escape_markdown(f"{names[model.run.id]}{told}"),
                    query_params={"study": model.run.study},
                    help="Curves and settings of its study",
                )


def _from_url(services: Services, runs: Sequence[AnyRun]) -> list[AnyRun]:
    """What the URL asks for, at most `MOST`; a line where there is more, or where some of it is gone or no model."""
    study, ids = st.query_params.get("study", ""), set(st.query_params.get_all("run"))
    if not study and not ids:
        return default_models(services.store, runs, MOST)
    asked = asked_for(runs)
    found = runs_with_models(services.store, asked, len(asked))
    if (study and not found) or ids - {""} - {run.id for run in found}:
        st.warning("Some of these runs have no model, or are no longer in the runs folder. Choose others.")
    if len(found) > MOST:
        st.markdown(f"The first {MOST} of {len(found):,} models are shown.")
    return found[:MOST]


def _to_url() -> None:
    """The choice as `?run=` once a run; an empty one is a choice too."""
    if "study" in st.query_params:
        del st.query_params["study"]
    st.query_params["run"] = st.session_state["models"] or [""]


def _names(runs: Sequence[Run]) -> dict[str, str]:
    """A name for each run, by id: what tells it from the others of its study, when that was, on which images."""
    by_study = groupby(sorted(runs, key=lambda run: run.id, reverse=True), key=lambda run: run.study)
    within = {run_id: name for _, members in by_study for run_id, name in run_labels(list(members)[::-1]).items()}
    return {run.id: f"{within[run.id]} · {study_time(run.study)} · {data_name(run.config.data)}" for run in runs}


def _model(services: Services, run: AnyRun) -> TrainedModel | None:
    try:
        return trained_model(services.store, run)
    except ModelError as error:
        refuse(error)
        return None
