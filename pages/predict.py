"""What trained models say of pictures, side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analysis.charts.palette import run_colours
from core.analysis.results.predictions import agree, prediction_rows, unlike
from core.analysis.results.settings import run_labels
from core.analysis.results.trained_models import LOOKED_AT, TrainedModel, runs_with_models
from core.analysis.text import count, escape_markdown, percent
from core.data.uploads.feedback import Feedback
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage
from core.execution.prediction_cache import PredictionCache
from core.experiment.runs.run import AnyRun
from pages.parts.predict.choose_models import asked_for, choose_models, show_origins
from pages.parts.predict.drop_zone import drop_images, show_refused, try_test_images
from pages.parts.predict.prediction_controls import AS_THEY_CAME, choose_order, choose_why, in_order
from pages.parts.predict.prediction_rows import RowContext, show_row
from pages.parts.shared.services import Services, get_services, refuse
from pages.parts.shared.show import empty, show_table

A_PAGE = 20


def main() -> None:
    services = get_services()
    st.title("Predict")
    runs = services.store.runs()
    if not runs_with_models(services.store, runs, 1) and not runs_with_models(services.store, asked_for(runs), 1):
        whose = "no run" if len(runs) <= LOOKED_AT else f"none of the newest {LOOKED_AT:,} runs"
        empty(
            f"Nothing to ask yet: {whose} has a trained model.",
            ("pages/home.py", "Train on the sample set", ":material/home:"),
            ("pages/train.py", "Set up a study", ":material/model_training:"),
        )
        return
    _predict(services, runs)


def _predict(services: Services, runs: Sequence[AnyRun]) -> None:
    session_images = drop_images()
    models = choose_models(services, runs)
    if not models:
        st.markdown("Choose a model to ask.")
        return
    _prepare(services, models)
    colours = run_colours([model.run for model in models])
    show_origins(services, models, colours)
    tried, more = try_test_images(services, models[0])
    show_refused([*session_images.received, *tried])
    found = [item for item in [*session_images.received, *tried] if isinstance(item, UploadedImage)]
    pictures = list({item.hash: item for item in found}.values())  # one that was dropped may be a test image too
    if not pictures:
        st.markdown("Drop photos above: every model says what it sees in each.")
        return
    _answer(services, models, pictures, session_images.contents | more, colours)


def _prepare(services: Services, models: Sequence[TrainedModel]) -> None:
    """Have the models loaded before the first image is here, once for each choice of them."""
    chosen = [(model.path, model.stamp) for model in models]
    if st.session_state.get("prepared") != chosen:
        for model in models:
            services.keras_service.preload(model.path)
        st.session_state["prepared"] = chosen


def _answer(
    services: Services,
    models: Sequence[TrainedModel],
    pictures: Sequence[UploadedImage],
    contents: Mapping[str, Path],
    colours: dict[str, str],
) -> None:
    """The images of this page are asked about first; the others while their rows can be looked at."""
    answers = st.session_state.setdefault("answers", PredictionCache())
    answers.keep_only(picture.hash for picture in pictures)
    answers.failures.clear()
    answers.unreadable.clear()
    head = st.container(horizontal=True, vertical_alignment="center")
    controls, asking, rows, table = st.container(), st.empty(), st.container(gap="large"), st.container()

    def ask(some: Sequence[UploadedImage]) -> None:
        _ask(
            services,
            answers,
            {item.hash: contents[item.hash] for item in some if item.hash in contents},
            models,
            asking,
        )

    with head:
        summary = st.empty()
        order = choose_order(len(models))
        apart = len(models) > 1 and st.toggle("Only where they disagree", key="disagree", bind="query-params")
    with controls:
        feedback = Feedback.on(models[0].run.config.data)
        asked = RowContext(models, colours, answers, choose_why(models), feedback, feedback.labels(models[0].classes))
    if apart or order != AS_THEY_CAME:
        ask(pictures)
    listed = [item for item in pictures if not apart or not agree(answers.known(item.hash, models))]
    shown = _page_of(in_order(listed, order, models, answers))
    ask(shown)
    with rows:
        _show_rows(shown, contents, asked)
    ask(pictures)
    summary.markdown(_summary(pictures, models, answers), width="content")
    with table:
        _show_marked(asked, pictures)
        _show_table(pictures, models, answers)
    if answers.failures or answers.unreadable:
        with asking.container():
            _show_trouble(pictures, answers)


def _page_of(pictures: Sequence[UploadedImage]) -> Sequence[UploadedImage]:
    """The images of the page that is turned to; the widget that turns pages stands below them."""
    pages = -(-len(pictures) // A_PAGE)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    return pictures[(page - 1) * A_PAGE : page * A_PAGE]


def _ask(
    services: Services,
    answers: PredictionCache,
    contents: Mapping[str, Path],
    models: Sequence[TrainedModel],
    place: DeltaGenerator,
) -> None:
    """Ask what is not known yet, and say how far that is."""
    for done, total in answers.compute(contents, models, services.keras_service.predict):
        place.progress(done / total, f"Asking {count(len(models), 'model')}: {done:,} of {total:,} answers")
    place.empty()


def _show_trouble(pictures: Sequence[UploadedImage], answers: PredictionCache) -> None:
    """The images that went while they were asked about, and the models that failed, each with the reason."""
    show_refused(
        [
            RefusedFile(picture.name, answers.unreadable[picture.hash])
            for picture in pictures
            if picture.hash in answers.unreadable
        ]
    )
    for message in dict.fromkeys(answers.failures.values()):
        refuse(ValueError(message))


def _show_rows(shown: Sequence[UploadedImage], contents: Mapping[str, Path], asked: RowContext) -> None:
    names = run_labels([model.run for model in asked.models])
    for picture in shown:
        show_row(picture, contents.get(picture.hash), asked, names)
    if not shown:
        st.markdown("They agree on every image.")


def _summary(pictures: Sequence[UploadedImage], models: Sequence[TrainedModel], answers: PredictionCache) -> str:
    said = [answers.known(picture.hash, models) for picture in pictures]
    novel = sum(bool(unlike(each)) for each in said)
    told = f"{count(len(pictures), 'image')}, {count(len(models), 'model')}."
    if len(models) > 1:
        told += f" All agree on {sum(agree(each) for each in said if len(each) > 1):,}."
    return told + (f" {novel:,} unlike the training images." if novel else "")


def _show_marked(asked: RowContext, pictures: Sequence[UploadedImage]) -> None:
    """How often each model was right on the images whose true class the visitor named, and where those are kept."""
    true = {picture.hash: label for picture in pictures if (label := asked.marked.get(picture.hash))}
    if not true:
        return
    names = run_labels([model.run for model in asked.models])
    right = {
        names[model.run.id]: [
            said.label == label for picture, label in true.items() if (said := asked.answers.of(picture, model))
        ]
        for model in asked.models
    }
    told = ", ".join(
        f"{name} {sum(hits)} of {len(hits)} ({percent(sum(hits) / len(hits))})" for name, hits in right.items() if hits
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Right on the {count(len(true), 'image')} you marked: {escape_markdown(told)}.", width="content")
        if st.button(
            "See them as images to learn from",
            type="tertiary",
            icon=":material/photo_library:",
            help="They are kept with a folder for each class, beside what the program draws and receives: "
            f"feedback/{asked.feedback.root.name}. Copy them into your own images to learn from them.",
        ):
            st.session_state["kept-data"] = str(asked.feedback.root)
            st.switch_page("pages/data.py")


def _rows(
    pictures: Sequence[UploadedImage], models: Sequence[TrainedModel], answers: PredictionCache
) -> list[dict[str, str | float | None]]:
    return prediction_rows(
        (picture.name, model, said)
        for picture in pictures
        for model in models
        if (said := answers.of(picture.hash, model))
    )


def _show_table(pictures: Sequence[UploadedImage], models: Sequence[TrainedModel], answers: PredictionCache) -> None:
    """All answers, once somebody wants to see them: for many images they are many cells."""
    with (whole := st.expander("All answers, as a table and as CSV", key="table", on_change="rerun")):
        if whole.open:
            show_table(
                _rows(pictures, models, answers),
                "predictions",
                "What each model says of each image",
                column_config={
                    "strangeness": st.column_config.NumberColumn(help="Above 1: unlike the training images")
                },
            )


main()
