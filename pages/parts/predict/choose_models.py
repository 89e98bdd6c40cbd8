"""Choosing the trained models to predict with; the choice is in the URL, and each model links to its run."""

from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from core.analysis.ensembles.held_out_accuracy import held_out_predictions
from core.analysis.results.ensemble import (
    AnyModel,
    Ensemble,
    ensemble_id,
    ensemble_labels,
    ensemble_members,
    load_ensemble,
    model_labels,
)
from core.analysis.results.evaluation_file import describe_accuracy, evaluation_figures
from core.analysis.results.settings import data_name, run_labels
from core.analysis.results.trained_models import (
    ModelError,
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

Choice = tuple[Run, ...]
"""The runs of a model: one, or the members of an ensemble."""


def choose_models(services: Services, runs: Sequence[AnyRun]) -> list[AnyModel]:
    """Return the chosen models, oldest run first, then ensembles; by default the models of the newest study.

    The URL holds the choice: `?run=ID`, repeated for each run, or `?study=ID` for a whole study; and `?ensemble=ID` for
    the ensemble of all seeds of the setting of this run.
    """
    _restore_url()
    chosen = _from_url(services, runs)
    offered = runs_with_models(services.store, runs)
    offered += [run for choice in chosen for run in choice if run not in offered]
    choices = {_id(choice): choice for choice in [*((run,) for run in offered), *ensemble_members(offered), *chosen]}
    names = _names(list(choices.values()))
    st.session_state["models"] = [_id(choice) for choice in chosen]
    st.multiselect(
        "Models",
        list(names),
        key="models",
        format_func=lambda choice: names[choice],
        max_selections=MAX_MODELS,
        on_change=_to_url,
        args=(choices,),
        help="Each model is the best epoch of its run.",
    )
    return [model for choice in chosen if (model := _model(services, choice))]


def _id(choice: Choice) -> str:
    return choice[0].id if len(choice) == 1 else ensemble_id(choice[0])


def _restore_url() -> None:
    """Remember the choice in the URL; restore it when the user returns through the menu, whose links have none."""
    names = ("study", "run", "ensemble")
    choice = {name: st.query_params.get_all(name) for name in names if name in st.query_params}
    if choice:
        st.session_state["chosen-models"] = choice
    else:
        st.query_params.update(st.session_state.get("chosen-models", {}))


def requested_runs(runs: Sequence[AnyRun]) -> list[AnyRun]:
    """Return the runs named in the URL, oldest first."""
    study, ids = st.query_params.get("study", ""), set(st.query_params.get_all("run"))
    ids |= set(st.query_params.get_all("ensemble"))
    return [run for run in reversed(runs) if run.id in ids or (study and run.study == study)]


def show_model_links(services: Services, models: Sequence[AnyModel], colours: dict[str, str]) -> None:
    """Show each model's colour, name and test accuracy, with a link to its run."""
    names = model_labels(models)
    with st.container(horizontal=True, vertical_alignment="center"):
        for model in models:
            with st.container(horizontal=True, vertical_alignment="center", gap=None, width="content"):
                st.html(swatch(colours[model.run.id]), width="content")
                st.page_link(
                    "pages/runs.py",
                    label=escape_markdown(f"{names[model.id]}, {_describe_accuracy(services, model)}"),
                    query_params={"study": model.run.study},
                    help="Curves and settings of its study",
                )
    if any(isinstance(model, Ensemble) for model in models):
        st.caption(
            "A mean of seeds shows the means of its members' calibrated probabilities, heat maps and novelty scores."
        )


def _describe_accuracy(services: Services, model: AnyModel) -> str:
    if isinstance(model, Ensemble):
        return held_out_predictions(services.store, model).describe()
    figures = evaluation_figures(services.store.evaluation(model.run.id))
    calibration = "" if model.temperature else ", not calibrated"
    if figures.accuracy is None:
        return "not measured"
    return f"{describe_accuracy(figures)} on its test images{calibration}"


def _from_url(services: Services, runs: Sequence[AnyRun]) -> list[Choice]:
    """Return at most `MAX_MODELS` models named in the URL; show a message if some are left out."""
    study, ids = st.query_params.get("study", ""), set(st.query_params.get_all("run"))
    ensembles = set(st.query_params.get_all("ensemble"))
    if not study and not ids and not ensembles:
        return [(run,) for run in default_models(services.store, runs, MAX_MODELS)]
    requested = [run for run in requested_runs(runs) if run.id in ids or run.study == study]
    found = runs_with_models(services.store, requested, len(requested))
    seeds = _ensembles(services, runs, ensembles)
    missing = ids - {""} - {run.id for run in found} or ensembles - {run.id for members in seeds for run in members}
    if (study and not found) or missing:
        st.warning("Some of these runs have no model, or are no longer in the runs folder. Choose others.")
    choices = [*((run,) for run in found), *seeds]
    if len(choices) > MAX_MODELS:
        st.markdown(f"The first {MAX_MODELS} of {len(choices):,} models are shown. Choose others in the list.")
    return choices[:MAX_MODELS]


def _ensembles(services: Services, runs: Sequence[AnyRun], ids: set[str]) -> list[Choice]:
    """Return the members of the ensembles of the settings of these runs."""
    settings = {run.config.without_seeds() for run in runs if run.id in ids and isinstance(run, Run)}
    seeds = [run for run in runs if isinstance(run, Run) and run.config.without_seeds() in settings] if settings else []
    return ensemble_members(runs_with_models(services.store, seeds, len(seeds)))


def _to_url(choices: dict[str, Choice]) -> None:
    """Write the choice to the URL, in which an empty choice is `?run=`."""
    if "study" in st.query_params:
        del st.query_params["study"]
    chosen = [choices[choice] for choice in st.session_state["models"]]
    st.query_params["run"] = [choice[0].id for choice in chosen if len(choice) == 1] or [""]
    st.query_params["ensemble"] = [choice[0].id for choice in chosen if len(choice) > 1]


def _names(choices: Sequence[Choice]) -> dict[str, str]:
    """Return a name for each model, by id: its difference to the others of its study, the time, and the data set."""
    by_study = groupby(sorted(choices, key=lambda choice: choice[0].id, reverse=True), lambda choice: choice[0].study)
    labels = {name: label for _, members in by_study for name, label in _labels(list(members)[::-1]).items()}
    return {
        _id(choice): f"{labels[_id(choice)]} · {study_time(choice[0].study)} · {data_name(choice[0].config.data)}"
        for choice in choices
    }


def _labels(choices: Sequence[Choice]) -> dict[str, str]:
    """Return a distinct label for each model of a study, by id."""
    single = run_labels([choice[0] for choice in choices if len(choice) == 1])
    return single | ensemble_labels([choice for choice in choices if len(choice) > 1])


def _model(services: Services, choice: Choice) -> AnyModel | None:
    try:
        return trained_model(services.store, choice[0]) if len(choice) == 1 else load_ensemble(services.store, choice)
    except ModelError as error:
        show_error(error)
        return None
