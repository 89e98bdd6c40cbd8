"""Tab with the test images on which models disagree, or which all models misclassify."""

from pathlib import PurePosixPath

import streamlit as st

from core.analysis.comparison.disputes import DisputedImage, Disputes, ImagePrediction, disputes, mistaken_pairs
from core.analysis.text import count, escape_markdown, percent, shorten
from core.experiment.runs.run import AnyRun
from pages.parts.shared.services import Services
from pages.parts.shared.show import name_in_html, thumbnail_for_model

_IMAGES_PER_PAGE, _IMAGE_WIDTH = 8, 120
_DISAGREE, _ALL_WRONG, _ANY = "Models disagree", "All are wrong", "Any"
_GRID_STYLE = "display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:8px 24px"


def show_disputes(services: Services, runs: list[AnyRun], names: dict[str, str], colours: dict[str, str]) -> None:
    """Show filters, and the selected images with the prediction of each model."""
    found = disputes(services.store, runs)
    if not found.runs:
        st.markdown("No per-image predictions were saved for these runs. Choose runs that are completed.")
        return
    shown = _filter(found, names)
    _show_left_out(len(runs) - len(found.runs))
    if not shown:
        st.markdown("No test image matches. Choose another filter.")
        return
    pages = -(-len(shown) // _IMAGES_PER_PAGE)
    page = st.pagination(pages, key="disputes-page") if pages > 1 else 1
    for image in shown[(page - 1) * _IMAGES_PER_PAGE : page * _IMAGES_PER_PAGE]:
        _show_image(image, found, names, colours)


def _filter(found: Disputes, names: dict[str, str]) -> list[DisputedImage]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            "Images",
            [_DISAGREE, _ALL_WRONG],
            default=_DISAGREE,
            required=True,
            key="disputed",
            bind="query-params",
            on_change=_first_page,
        )
        images = found.all_wrong if which == _ALL_WRONG else found.disagreed
        pairs = {
            f"{label} predicted as {predicted} ({number})": (label, predicted)
            for (label, predicted), number in mistaken_pairs(images)
        }
        pair = pairs.get(st.selectbox("Mistake", [_ANY, *pairs], key="mistake", on_change=_first_page, width=320))
        correct_runs = dict.fromkeys(image.only_correct_run for image in images)
        runs = {f"Only {names[run_id]}": run_id for run_id in correct_runs if run_id}
        run = runs.get(st.selectbox("Correct model", [_ANY, *runs], key="only-right", on_change=_first_page, width=320))
    shown = [
        image for image in images if (pair is None or pair in image.mistakes) and run in (None, image.only_correct_run)
    ]
    st.caption(f"{count(len(shown), 'test image')}, most confident mistakes first.")
    return shown


def _first_page() -> None:
    st.session_state["disputes-page"] = 1


def _show_left_out(others: int) -> None:
    if others:
        st.caption(f"{count(others, 'run')} left out: tested on other images, or without saved predictions.")


def _show_image(image: DisputedImage, found: Disputes, names: dict[str, str], colours: dict[str, str]) -> None:
    left, right = st.columns([1, 4], vertical_alignment="center")
    name = PurePosixPath(image.path).name
    if found.root:
        left.image(
            thumbnail_for_model(str(found.root / image.path), found.scales),
            escape_markdown(shorten(name, 16)),
            width=_IMAGE_WIDTH,
            alt=shorten(name),
        )
    else:
        left.caption(escape_markdown(shorten(name, 30)))
    cells = "".join(_cell(made, names[run_id], colours[run_id]) for run_id, made in image.predictions.items())
    right.html(f"<div>True class: <b>{name_in_html(image.label)}</b></div><div style='{_GRID_STYLE}'>{cells}</div>")


def _cell(prediction: ImagePrediction, name: str, colour: str) -> str:
    confidence = f" {percent(prediction.confidence)}" if prediction.confidence is not None else ""
    result = "right" if prediction.is_correct else "wrong"
    return (
        f'<div><span style="color:{colour}">■</span> {name_in_html(shorten(name, 34))}<br>'
        f"{name_in_html(shorten(prediction.predicted, 28))}{confidence}, {result}</div>"
    )
