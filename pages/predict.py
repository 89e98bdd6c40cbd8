"""Predict page: predictions of trained models for uploaded images, side by side."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.analysis.charts.palette import run_colours
from core.analysis.results.ensemble import AnyModel, model_labels
from core.analysis.results.predictions import agree, novelty_message, prediction_rows
from core.analysis.results.trained_models import MAX_CHECKED, runs_with_models
from core.analysis.text import count, escape_markdown, percent
from core.data.uploads.feedback import Feedback
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage
from core.execution.prediction_cache import PredictionCache
from core.experiment.runs.run import AnyRun
from pages.parts.predict.choose_models import choose_models, requested_runs, show_model_links
from pages.parts.predict.drop_zone import choose_test_images, show_refused, upload_images
from pages.parts.predict.prediction_controls import UPLOAD_ORDER, choose_heat_map, choose_order, sort_images
from pages.parts.predict.prediction_rows import RowContext, show_row
from pages.parts.shared.services import Services, get_services, show_error
from pages.parts.shared.show import show_empty_page, show_table

PAGE_SIZE = 20


def main() -> None:
    services = get_services()
    st.title("Predict")
    runs = services.store.runs()
    if not runs_with_models(services.store, runs, 1) and not runs_with_models(services.store, requested_runs(runs), 1):
        which = "No run has" if len(runs) <= MAX_CHECKED else f"None of the newest {MAX_CHECKED:,} runs has"
        show_empty_page(
            f"{which} a trained model. Train one first.",
            ("pages/home.py", "Train on the sample set", ":material/home:"),
            ("pages/train.py", "Set up a study", ":material/model_training:"),
        )
        return
    _predict(services, runs)


def _predict(services: Services, runs: Sequence[AnyRun]) -> None:
    session_images = upload_images()
    models = choose_models(services, runs)
    if not models:
        st.markdown("No model is selected. Choose at least one.")
        return
    _preload(services, models)
    colours = run_colours([model.run for model in models])
    show_model_links(services, models, colours)
    test_images, test_contents = choose_test_images(services, models[0])
    received = [*session_images.received, *test_images]
    show_refused(received)
    readable = [item for item in received if isinstance(item, UploadedImage)]
    images = list({item.hash: item for item in readable}.values())  # an uploaded image may be a test image as well
    if not images:
        st.markdown("There are no images yet. Upload some above to see the predictions of each model.")
        return
    _show_predictions(services, models, images, session_images.contents | test_contents, colours)


def _preload(services: Services, models: Sequence[AnyModel]) -> None:
    """Load the models before the first image arrives, once for each selection."""
    selection = [(member.path, member.stamp) for model in models for member in model.members]
    if st.session_state.get("preloaded") != selection:
        for path, _ in selection:
            services.keras_service.preload(path)
        st.session_state["preloaded"] = selection


def _show_predictions(
    services: Services,
    models: Sequence[AnyModel],
    images: Sequence[UploadedImage],
    contents: Mapping[str, Path],
    colours: dict[str, str],
) -> None:
    """Predict and show the images of the current page first, then predict all other images."""
    predictions = _session_predictions(images)
    head = st.container(horizontal=True, vertical_alignment="center")
    controls, progress, rows, table = st.container(), st.empty(), st.container(gap="large"), st.container()
    predict = partial(_compute, services, predictions, contents, models, progress)
    with head:
        summary = st.empty()
        order = choose_order(len(models))
        disagreements_only = len(models) > 1 and st.toggle("Disagreements only", key="disagree", bind="query-params")
    with controls:
        feedback = Feedback.for_data(models[0].run.config.data)
        marked = feedback.labels(models[0].classes)
        context = RowContext(models, colours, predictions, choose_heat_map(models), feedback, marked)
    if disagreements_only or order != UPLOAD_ORDER:
        predict(images)
    listed = [item for item in images if not disagreements_only or not agree(predictions.get_all(item.hash, models))]
    shown = _current_page(sort_images(listed, order, models, predictions))
    predict(shown)
    with rows:
        _show_rows(shown, contents, context)
    predict(images)
    summary.markdown(_summary(images, models, predictions), width="content")
    with table:
        _show_marked(context, images)
        _show_table(images, models, predictions)
    if predictions.failures or predictions.unreadable:
        with progress.container():
            _show_errors(images, predictions)


def _session_predictions(images: Sequence[UploadedImage]) -> PredictionCache:
    """Return the predictions cached for this browser session, limited to these images and without earlier errors."""
    predictions: PredictionCache = st.session_state.setdefault("predictions", PredictionCache())
    predictions.keep_only(image.hash for image in images)
    predictions.failures.clear()
    predictions.unreadable.clear()
    return predictions


def _current_page(images: Sequence[UploadedImage]) -> Sequence[UploadedImage]:
    """Return the images of the current page; the control that changes the page is shown below them."""
    pages = -(-len(images) // PAGE_SIZE)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    return images[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]


def _compute(
    services: Services,
    predictions: PredictionCache,
    contents: Mapping[str, Path],
    models: Sequence[AnyModel],
    progress: DeltaGenerator,
    images: Sequence[UploadedImage],
) -> None:
    """Compute the missing predictions for these images and show the progress."""
    available = {image.hash: contents[image.hash] for image in images if image.hash in contents}
    for done, total in predictions.compute(available, models, services.keras_service.predict):
        text = f"Predicting with {count(len(models), 'model')}: {done:,} of {total:,} predictions"
        progress.progress(done / total, text)
    progress.empty()


def _show_errors(images: Sequence[UploadedImage], predictions: PredictionCache) -> None:
    """Show the images that can no longer be read and the models that failed, each with the reason."""
    show_refused(
        [
            RefusedFile(image.name, predictions.unreadable[image.hash])
            for image in images
            if image.hash in predictions.unreadable
        ]
    )
    for message in dict.fromkeys(predictions.failures.values()):
        show_error(ValueError(message))


def _show_rows(shown: Sequence[UploadedImage], contents: Mapping[str, Path], context: RowContext) -> None:
    names = model_labels(context.models)
    for image in shown:
        show_row(image, contents.get(image.hash), context, names)
    if not shown:
        st.markdown("The models agree on every image. Switch off Disagreements only to see them.")


def _summary(images: Sequence[UploadedImage], models: Sequence[AnyModel], predictions: PredictionCache) -> str:
    by_image = [predictions.get_all(image.hash, models) for image in images]
    novel = sum(bool(novelty_message(found)) for found in by_image)
    text = f"{count(len(images), 'image')}, {count(len(models), 'model')}."
    if len(models) > 1:
        text += f" All agree on {sum(agree(found) for found in by_image if len(found) > 1):,}."
    return text + (f" {novel:,} unlike the training images." if novel else "")


def _show_marked(context: RowContext, images: Sequence[UploadedImage]) -> None:
    """Show each model's accuracy on the images that the user marked with their true class, and a link to them."""
    marked = {image.hash: label for image in images if (label := context.marked.get(image.hash))}
    if not marked:
        return
    names = model_labels(context.models)
    correct = {
        names[model.id]: [
            prediction.label == label
            for image, label in marked.items()
            if (prediction := context.predictions.get(image, model))
        ]
        for model in context.models
    }
    accuracies = ", ".join(
        f"{name} {sum(hits)} of {len(hits)} ({percent(sum(hits) / len(hits))})"
        for name, hits in correct.items()
        if hits
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Correct on the {count(len(marked), 'image')} that you marked: {escape_markdown(accuracies)}.",
            width="content",
        )
        if st.button(
            "View them as a data set",
            type="tertiary",
            icon=":material/photo_library:",
            help="They are stored on this server with one folder per class, in the program's data folder: "
            f"feedback/{context.feedback.root.name}. Copy them into your own images to train on them.",
        ):
            st.session_state["selected-data"] = str(context.feedback.root)
            st.switch_page("pages/data.py")


def _table_rows(
    images: Sequence[UploadedImage], models: Sequence[AnyModel], predictions: PredictionCache
) -> list[dict[str, str | float | None]]:
    return prediction_rows(
        (image.name, model, prediction)
        for image in images
        for model in models
        if (prediction := predictions.get(image.hash, model))
    )


def _show_table(images: Sequence[UploadedImage], models: Sequence[AnyModel], predictions: PredictionCache) -> None:
    """Show all predictions in an expander; the table is built only when it is open, because it may be large."""
    with (expander := st.expander("All predictions, as a table and as CSV", key="table", on_change="rerun")):
        if expander.open:
            show_table(
                _table_rows(images, models, predictions),
                "predictions",
                "Prediction of each model for each image",
                column_config={"novelty": st.column_config.NumberColumn(help="Above 1: unlike the training images")},
            )


main()
