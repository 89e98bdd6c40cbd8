"""A row an image: what it looks like, what each model says of it and why, whether they agree, what is true."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import streamlit as st

from core.analysis.results.predictions import Prediction, agree, agreement, unlike
from core.analysis.results.trained_models import TrainedModel
from core.analysis.text import escape_markdown, percent, shorten
from core.data.explain.heat_map import heat_png
from core.data.uploads.feedback import NONE_OF_THESE, Feedback
from core.data.uploads.uploaded_images import UploadedImage
from core.execution.prediction_cache import PredictionCache
from pages.parts.shared.services import error_text
from pages.parts.shared.show import name_in_html

_BESIDE = "display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:16px 32px;align-items:end"
_WIDEST = 10  # more models than three stand below each other
_OPACITY = "--heat-opacity"
_THIN = "height:6px;border-radius:3px"
_SMALL = "font-size:.875rem;margin-top:6px"
_STRANGE = (
    "Farther from the validation images than 95 of 100 of them are from each other (by the last feature map). "
    "The model may know no class that fits; about one in twenty images of its own kind is marked too."
)
_KEPT = "The image is then kept on this server under its class, to learn from later."


@dataclass(frozen=True)
class HeatMapChoice:
    """Heat maps over the images: of this class, or of the one that each model names."""

    label: str | None


def show_opacity(opacity: float) -> None:
    """How opaque all heat maps are, 0 to 1."""
    st.html(f"<style>:root{{{_OPACITY}:{opacity:.2f}}}</style>")


@dataclass(frozen=True)
class RowContext:
    """What all rows share: the models with their colours, their answers, whether to show why, where marked images are
    kept and, by hash, what they were marked.
    """

    models: Sequence[TrainedModel]
    colours: dict[str, str]
    answers: PredictionCache
    why: HeatMapChoice | None
    feedback: Feedback
    marked: dict[str, str]


def show_row(picture: UploadedImage, content: Path | None, asked: RowContext, names: dict[str, str]) -> None:
    """One image with the top three classes of each model as bars in its colour."""
    widths = [2, min(3 * len(asked.models), _WIDEST), 2]
    look, said, end = st.columns(widths, vertical_alignment="center", gap="small")
    name = shorten(picture.name, 40)
    look.image(picture.thumbnail, escape_markdown(name), alt=name)
    cells = (_cell(names[model.run.id], picture, model, asked) for model in asked.models)
    said.html(f'<div style="{_BESIDE}">{"".join(cells)}</div>')
    with end:
        _show_end(picture, content, asked)


def _show_end(picture: UploadedImage, content: Path | None, asked: RowContext) -> None:
    """Whether models agree, whether they can know such an image at all, and what the visitor says it is."""
    answers = asked.answers.known(picture.hash, asked.models)
    if note := agreement(answers):
        st.markdown(escape_markdown(note))
    if novel := unlike(answers):
        st.markdown(f":material/warning: {escape_markdown(novel)}", help=_STRANGE)
    if content and answers:
        _ask_for_truth(picture, content, answers, asked)


def _ask_for_truth(picture: UploadedImage, content: Path, answers: Sequence[Prediction], asked: RowContext) -> None:
    """One click where all models say the same and it is right; else, or to change it, the class from a list."""
    key, classes = f"true-{picture.hash}", [*asked.models[0].classes, NONE_OF_THESE]
    marked, said = asked.marked.get(picture.hash), answers[0].label
    if marked is None and agree(answers) and said in classes:
        st.button(
            "Right",
            key=f"right-{picture.hash}",
            icon=":material/check:",
            on_click=_mark,
            args=(said, picture, content, asked.feedback),
            help=f"Mark it as {escape_markdown(said)}. {_KEPT}",
        )
    st.session_state[key] = marked if marked in classes else None
    st.selectbox(
        f"True class of {escape_markdown(picture.name)}",
        classes,
        None,
        key=key,
        placeholder="True class?",
        label_visibility="collapsed",
        on_change=_mark_chosen,
        args=(key, picture, content, asked.feedback),
        help=_KEPT,
    )


def _mark_chosen(key: str, picture: UploadedImage, content: Path, feedback: Feedback) -> None:
    _mark(st.session_state[key], picture, content, feedback)


def _mark(label: str | None, picture: UploadedImage, content: Path, feedback: Feedback) -> None:
    try:
        feedback.mark(content, picture.name, label) if label else feedback.forget(picture.hash)
    except (ValueError, OSError) as error:
        st.toast(escape_markdown(error_text(error)))


def _cell(name: str, picture: UploadedImage, model: TrainedModel, asked: RowContext) -> str:
    colour, prediction = asked.colours[model.run.id], asked.answers.of(picture.hash, model)
    head = f'<span style="color:{colour}">■</span> {name_in_html(name)}'
    if prediction:
        heat = _heat(picture, name, prediction, asked.why) if asked.why else ""
        said = "".join(_bar(label, share, colour) for label, share in prediction.top())
    else:
        heat, said = "", f'<div style="{_SMALL}">{_why_not(picture, model, asked.answers)}</div>'
    return f'<div style="min-width:0">{head}{heat}{said}</div>'


def _why_not(picture: UploadedImage, model: TrainedModel, answers: PredictionCache) -> str:
    if model.run.id in answers.failures:
        return "No answer: this model failed."
    if picture.hash in answers.unreadable:
        return "Not asked: the file can no longer be read."
    return "Not asked yet."


def _heat(picture: UploadedImage, name: str, prediction: Prediction, why: HeatMapChoice) -> str:
    """The image with the places bright where the model found the class. How opaque they are is a variable of the page's
    style (`show_opacity`), so that moving the slider sends no picture again.
    """
    label = why.label or prediction.label
    heat = prediction.heat(label)
    if heat is None:
        return f'<div style="{_SMALL}">It does not know {name_in_html(shorten(label, 28))}.</div>'
    alt = escape(f"Where {name} finds {label}", quote=True)
    beside = f"left:{50 - 50 * picture.share:.2f}%;width:{100 * picture.share:.2f}%"
    return (
        f'<div style="position:relative;max-width:160px;margin-top:6px;border-radius:8px;overflow:hidden">'
        f'<img src="{_uri("jpeg", picture.thumbnail)}" alt="" style="width:100%;display:block">'
        f'<img src="{_uri("png", heat_png(heat))}" alt="{alt}" '
        f'style="position:absolute;top:0;height:100%;{beside};opacity:var({_OPACITY})"></div>'
    )


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def _bar(label: str, share: float, colour: str) -> str:
    return (
        f'<div style="display:flex;justify-content:space-between;gap:8px;{_SMALL}">'
        f"<span>{name_in_html(shorten(label, 28))}</span><span>{percent(share)}</span></div>"
        f'<div style="{_THIN};background:rgba(128,128,128,.18)">'
        f'<div style="{_THIN};background:{colour};width:{100 * share:.1f}%"></div></div>'
    )
