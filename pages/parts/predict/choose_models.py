"""Choosing the trained models to predict with; the choice is in the URL, and each model links to its run."""

from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from core.analysis.results.evaluation_file import describe_accuracy, evaluation_figures
from core.analysis.results.settings import data_name, run_labels
from core.analysis.results.trained_models import (
    ModelError,
    TrainedModel,
    default_models,
    runs_with_models,
    trained_model,
)
from core.analysis.text import escape_markdown, study_time
from core.experiment.runs.run import AnyRun, Run
from pages.parts.shared.services import Services, show_error
from pages.parts.shared.show import swatch

MAX_MODELS = 6
"""Models next to each other; with more, their predictions would not fit on the page."""


def choose_models(services: Services, runs: Sequence[AnyRun]) -> list[TrainedModel]:
    """Return the chosen models, oldest run first; by default those of the newest study.

    The URL holds the choice: `?run=ID`, repeated for each run, or `?study=ID` for a whole study.
    """
    _restore_url()
    offered = runs_with_models(services.store, runs)
    chosen = _from_url(services, runs)
    offered += [run for run in chosen if run not in offered]
    names = _names(offered)
    st.session_state["models"] = [run.id for run in chosen]
    st.multiselect(
        "Models",
        list(names),
        key="models",
        format_func=lambda run_id: names[run_id],
        max_selections=MAX_MODELS,
        on_change=_to_url,
        help="Each model is the best epoch of its run.",
    )
    return [model for run in chosen if (model := _model(services, run))]


def _restore_url() -> None:
    """Remember the choice in the URL; restore it when the user returns through the menu, whose links have none."""
    choice = {name: st.query_params.get_all(name) for name in ("study", "run") if name in st.query_params}
    if choice:
        st.session_state["chosen-models"] = choice
    else:
        st.query_params.update(st.session_state.get("chosen-models", {}))


def requested_runs(runs: Sequence[AnyRun]) -> list[AnyRun]:
    """Return the runs named in the URL, oldest first."""
    study, ids = st.query_params.get("study", ""), set(st.query_params.get_all("run"))
    return [run for run in reversed(runs) if run.id in ids or (study and run.study == study)]


def show_model_links(services: Services, models: Sequence[TrainedModel], colours: dict[str, str]) -> None:
    """Show each model's colour, name and test accuracy, with a link to its run."""
    names = run_labels([model.run for model in models])
    with st.container(horizontal=True, vertical_alignment="center"):
        for model in models:
            figures = evaluation_figures(services.store.evaluation(model.run.id))
            calibration = "" if model.temperature else ", not calibrated"
            result = (
                f", {describe_accuracy(figures)} on its test images{calibration}"
                if figures.accuracy is not None
                else ", not measured"
            )
            with st.container(horizontal=True, vertical_alignment="center", gap=None, width="content"):
                st.html(swatch(colours[model.run.id]), width="content")
                st.page_link(
                    "pages/runs.py",
                    label=escape_markdown(f"{names[model.run.id]}{result}"),
                    query_params={"study": model.run.study},
                    help="Curves and settings of its study",
                )


def _from_url(services: Services, runs: Sequence[AnyRun]) -> list[Run]:
    """Return at most `MAX_MODELS` runs named in the URL that have a model; show a message if some are left out."""
    study, ids = st.query_params.get("study", ""), set(st.query_params.get_all("run"))
    if not study and not ids:
        return default_models(services.store, runs, MAX_MODELS)
    requested = requested_runs(runs)
    found = runs_with_models(services.store, requested, len(requested))
    if (study and not found) or ids - {""} - {run.id for run in found}:
        st.warning("Some of these runs have no model, or are no longer in the runs folder. Choose others.")
    if len(found) > MAX_MODELS:
        st.markdown(f"The first {MAX_MODELS} of {len(found):,} models are shown. Choose others in the list.")
    return found[:MAX_MODELS]


def _to_url() -> None:
    """Write the choice to the URL as `?run=ID`, repeated for each run; an empty choice is written too."""
    if "study" in st.query_params:
        del st.query_params["study"]
    st.query_params["run"] = st.session_state["models"] or [""]


def _names(runs: Sequence[Run]) -> dict[str, str]:
    """Return a name for each run, by id: its difference to the other runs of its study, the time, and the data set."""
    by_study = groupby(sorted(runs, key=lambda run: run.id, reverse=True), key=lambda run: run.study)
    labels = {run_id: name for _, members in by_study for run_id, name in run_labels(list(members)[::-1]).items()}
    return {run.id: f"{labels[run.id]} · {study_time(run.study)} · {data_name(run.config.data)}" for run in runs}


def _model(services: Services, run: AnyRun) -> TrainedModel | None:
    try:
        return trained_model(services.store, run)
    except ModelError as error:
        show_error(error)
        return None
