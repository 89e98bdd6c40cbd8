"""How answers are looked at: which, in which order, and why."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.results.predictions import disagreement, mean_confidence
from core.analysis.results.trained_models import TrainedModel
from core.data.uploads.uploaded_images import UploadedImage
from core.execution.prediction_cache import PredictionCache
from pages.parts.predict.prediction_rows import HeatMapChoice, show_opacity

AS_THEY_CAME, DISAGREEMENT, LEAST_SURE = "As they came", "Most disagreement", "Least sure"
EACH_ITS_OWN = "What each model names"


def choose_order(models: int) -> str:
    """In which order the images are listed; by anything but their own, all must be answered first."""
    orders = [AS_THEY_CAME, *[DISAGREEMENT] * (models > 1), LEAST_SURE]
    return st.selectbox(
        "Order",
        orders,
        key="order",
        bind="query-params",
        width=200,
        label_visibility="collapsed",
        help="Least sure: by how likely the models find the class that they name.",
    )


def in_order(
    pictures: Sequence[UploadedImage], order: str, models: Sequence[TrainedModel], answers: PredictionCache
) -> list[UploadedImage]:
    """The images in this order; of equal ones the first stays first."""
    if order == DISAGREEMENT:
        return sorted(pictures, key=lambda item: -disagreement(answers.known(item.hash, models)))
    if order == LEAST_SURE:
        return sorted(pictures, key=lambda item: mean_confidence(answers.known(item.hash, models)))
    return list(pictures)


def choose_why(models: Sequence[TrainedModel]) -> HeatMapChoice | None:
    """Whether heat maps are shown, of which class, how opaque."""
    if not st.toggle(
        "Show why",
        key="why",
        bind="query-params",
        help="Bright places of an image speak for the class (Grad-CAM over the last feature map).",
    ):
        return None
    classes = dict.fromkeys(name for model in models for name in model.classes)
    with st.container(horizontal=True, vertical_alignment="center"):
        label = st.selectbox("Where is", [EACH_ITS_OWN, *classes], key="why-class", width=260)
        show_opacity(st.slider("Opacity", 0, 100, 75, key="opacity", width=260, format="%d%%") / 100)
    return HeatMapChoice(None if label == EACH_ITS_OWN else label)
