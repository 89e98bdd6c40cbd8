"""One row per image: thumbnail, each model's prediction with an optional heat map, agreement, and true class."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import streamlit as st

from core.analysis.results.ensemble import AnyModel
from core.analysis.results.predictions import Prediction, agree, agreement_message, novelty_message
from core.analysis.text import escape_markdown, percent, shorten
from core.data.explain.heat_map import heat_map_png
from core.data.uploads.feedback import NONE_OF_THESE, Feedback
from core.data.uploads.uploaded_images import UploadedImage
from core.execution.prediction_cache import PredictionCache
from pages.parts.shared.services import error_text
from pages.parts.shared.show import name_in_html, thumbnail_for_model

_GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:16px 32px;align-items:end"
_MAX_WIDTH = 10  # relative width of the predictions; more than three models continue on a second line
_OPACITY = "--heat-opacity"
_THIN = "height:6px;border-radius:3px"
_SMALL = "font-size:.875rem;margin-top:6px"
_NOVELTY_HELP = (
    "The novelty score is above 1: by the last feature map, this image is farther from the validation images than 95% "
    "of these are from each other. Possibly none of the model's classes fits. About 1 in 20 images of the usual kind "
    "is marked too."
)
_MARK_HELP = "The image is then stored on this server under its class, for later training."


@dataclass(frozen=True)
class HeatMapChoice:
    """The class to show heat maps for; None for the predicted class of each model."""

    label: str | None


def show_opacity(opacity: float) -> None:
    """Set the opacity of all heat maps, 0 to 1."""
    st.html(f"<style>:root{{{_OPACITY}:{opacity:.2f}}}</style>")


@dataclass(frozen=True)
class RowContext:
    """Data that all rows share.

    Args:
        colours: colour of each model, by the id of its run (of an ensemble, its first run).
        heat_map: the class to show heat maps for; None if they are off.
        feedback: folder in which images are stored under the true class that the user marked.
        marked: the marked class of each image, by hash.
    """

    models: Sequence[AnyModel]
    colours: dict[str, str]
    predictions: PredictionCache
    heat_map: HeatMapChoice | None
    feedback: Feedback
    marked: dict[str, str]


def show_row(image: UploadedImage, content: Path | None, context: RowContext, names: dict[str, str]) -> None:
    """Show one image with the top three classes of each model as bars in the model's colour.

    An image of more than 8 bits is shown as the first model sees it, below a heat map as that map's model does.
    """
    widths = [2, min(3 * len(context.models), _MAX_WIDTH), 2]
    left, middle, right = st.columns(widths, vertical_alignment="center", gap="small")
    name = shorten(image.name, 40)
    left.image(_thumbnail(image, content, context.models[0]), escape_markdown(name), alt=name)
    cells = (_cell(names[model.id], image, content, model, context) for model in context.models)
    middle.html(f'<div style="{_GRID}">{"".join(cells)}</div>')
    with right:
        _show_assessment(image, content, context)


def _show_assessment(image: UploadedImage, content: Path | None, context: RowContext) -> None:
    """Show whether the models agree, whether the image is unlike the training images, and the choice of true class."""
    predictions = context.predictions.get_all(image.hash, context.models)
    if agreement := agreement_message(predictions):
        st.markdown(escape_markdown(agreement))
    if novelty := novelty_message(predictions):
        st.markdown(f":material/warning: {escape_markdown(novelty)}", help=_NOVELTY_HELP)
    if content and predictions:
        _choose_true_class(image, content, predictions, context)


def _choose_true_class(
    image: UploadedImage, content: Path, predictions: Sequence[Prediction], context: RowContext
) -> None:
    """Show a button that confirms the prediction if all models agree, and a list of classes to choose from."""
    key, classes = f"true-{image.hash}", [*context.models[0].classes, NONE_OF_THESE]
    marked, predicted = context.marked.get(image.hash), predictions[0].label
    if marked is None and agree(predictions) and predicted in classes:
        st.button(
            "Correct",
            key=f"right-{image.hash}",
            icon=":material/check:",
            on_click=_mark,
            args=(predicted, image, content, context.feedback),
            help=f"Mark it as {escape_markdown(predicted)}. {_MARK_HELP}",
        )
    st.session_state[key] = marked if marked in classes else None
    st.selectbox(
        f"True class of {escape_markdown(image.name)}",
        classes,
        None,
        key=key,
        placeholder="True class",
        label_visibility="collapsed",
        on_change=_mark_chosen,
        args=(key, image, content, context.feedback),
        help=_MARK_HELP,
    )


def _mark_chosen(key: str, image: UploadedImage, content: Path, feedback: Feedback) -> None:
    _mark(st.session_state[key], image, content, feedback)


def _mark(label: str | None, image: UploadedImage, content: Path, feedback: Feedback) -> None:
    try:
        feedback.mark(content, image.name, label) if label else feedback.remove(image.hash)
    except (ValueError, OSError) as error:
        st.toast(escape_markdown(error_text(error)))


def _thumbnail(image: UploadedImage, content: Path | None, model: AnyModel) -> bytes:
    """Return the thumbnail of an image as the model sees it."""
    return thumbnail_for_model(str(content), model.scales) if content and image.is_deep else image.thumbnail


def _cell(name: str, image: UploadedImage, content: Path | None, model: AnyModel, context: RowContext) -> str:
    """Return one model's prediction for one image as HTML."""
    colour, prediction = context.colours[model.run.id], context.predictions.get(image.hash, model)
    head = f'<span style="color:{colour}">■</span> {name_in_html(name)}'
    if prediction:
        thumbnail = _thumbnail(image, content, model)
        heat_map = _heat_map(image, thumbnail, name, prediction, context.heat_map) if context.heat_map else ""
        body = "".join(_bar(label, probability, colour) for label, probability in prediction.top())
    else:
        heat_map, body = "", f'<div style="{_SMALL}">{_reason_missing(image, model, context.predictions)}</div>'
    return f'<div style="min-width:0">{head}{heat_map}{body}</div>'


def _reason_missing(image: UploadedImage, model: AnyModel, predictions: PredictionCache) -> str:
    if predictions.has_failed(model):
        return "No prediction: this model failed."
    if image.hash in predictions.unreadable:
        return "No prediction: the file can no longer be read."
    return "No prediction yet."


def _heat_map(image: UploadedImage, thumbnail: bytes, name: str, prediction: Prediction, choice: HeatMapChoice) -> str:
    """Return the image with its heat map on top as HTML.

    The opacity is a CSS variable of the page (`show_opacity`), so that moving the slider does not send images again.
    """
    label = choice.label or prediction.label
    heat = prediction.heat_map(label)
    if heat is None:
        return f'<div style="{_SMALL}">This model has no class {name_in_html(shorten(label, 28))}.</div>'
    alt = escape(f"Heat map of {name} for {label}", quote=True)
    position = f"left:{50 - 50 * image.share:.2f}%;width:{100 * image.share:.2f}%"
    return (
        f'<div style="position:relative;max-width:160px;margin-top:6px;border-radius:8px;overflow:hidden">'
        f'<img src="{_data_uri("jpeg", thumbnail)}" alt="" style="width:100%;display:block">'
        f'<img src="{_data_uri("png", heat_map_png(heat))}" alt="{alt}" '
        f'style="position:absolute;top:0;height:100%;{position};opacity:var({_OPACITY})"></div>'
    )


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def _bar(label: str, probability: float, colour: str) -> str:
    return (
        f'<div style="display:flex;justify-content:space-between;gap:8px;{_SMALL}">'
        f"<span>{name_in_html(shorten(label, 28))}</span><span>{percent(probability)}</span></div>"
        f'<div style="{_THIN};background:rgba(128,128,128,.18)">'
        f'<div style="{_THIN};background:{colour};width:{100 * probability:.1f}%"></div></div>'
    )
