"""A row an image: what it looks like, what each model says of it, and whether they agree."""

from collections.abc import Sequence

import streamlit as st

import core
from core.analysis.words import percent, plain, shortened
from pages.parts.show import name_in_html

_BESIDE = "display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:16px 32px;align-items:end"
_WIDEST = 10  # more models than three stand below each other
_THIN = "height:6px;border-radius:3px"
_SMALL = "font-size:.875rem;margin-top:6px"


def show_row(picture: core.Incoming, models: Sequence[core.TrainedModel], names: dict[str, str],
             colours: dict[str, str], answers: core.Answers) -> None:
    """One image with the top three classes of each model as bars in its colour."""
    look, said, end = st.columns([2, min(3 * len(models), _WIDEST), 2], vertical_alignment="center", gap="small")
    name = shortened(picture.name, 40)
    look.image(picture.thumbnail, plain(name), alt=name)
    cells = (_cell(names[model.run.id], colours[model.run.id], _said(picture, model, colours[model.run.id], answers))
             for model in models)
    said.html(f'<div style="{_BESIDE}">{"".join(cells)}</div>')
    end.markdown(plain(core.agreement(answers.about(picture.hash, models))))


def _cell(name: str, colour: str, said: str) -> str:
    return f'<div style="min-width:0"><span style="color:{colour}">■</span> {name_in_html(name)}{said}</div>'


def _said(picture: core.Incoming, model: core.TrainedModel, colour: str, answers: core.Answers) -> str:
    prediction = answers.of(picture.hash, model)
    if prediction:
        return "".join(_bar(label, share, colour) for label, share in prediction.top())
    return f'<div style="{_SMALL}">{_why_not(picture, model, answers)}</div>'


def _why_not(picture: core.Incoming, model: core.TrainedModel, answers: core.Answers) -> str:
    if model.run.id in answers.failures:
        return "No answer: this model failed."
    if picture.hash in answers.unreadable:
        return "Not asked: the file can no longer be read."
    return "Not asked: drop the image again."  # its content went when the visitor left the page


def _bar(label: str, share: float, colour: str) -> str:
    return (f'<div style="display:flex;justify-content:space-between;gap:8px;{_SMALL}">'
            f"<span>{name_in_html(shortened(label, 28))}</span><span>{percent(share)}</span></div>"
            f'<div style="{_THIN};background:rgba(128,128,128,.18)">'
            f'<div style="{_THIN};background:{colour};width:{100 * share:.1f}%"></div></div>')
