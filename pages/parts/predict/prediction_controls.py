"""Controls for the predictions: the order of the images, and heat maps."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.results.ensemble import AnyModel
from core.analysis.results.predictions import disagreement, mean_confidence
from core.data.uploads.uploaded_images import UploadedImage
from core.execution.prediction_cache import PredictionCache
from pages.parts.predict.prediction_rows import HeatMapChoice, show_opacity

UPLOAD_ORDER, DISAGREEMENT, LEAST_CONFIDENT = "Upload order", "Most disagreement", "Least confident"
PREDICTED_CLASS = "Predicted class of each model"


def choose_order(models: int) -> str:
    """Return the chosen order of the images; any but the upload order needs the predictions for all images first."""
    orders = [UPLOAD_ORDER, *[DISAGREEMENT] * (models > 1), LEAST_CONFIDENT]
    return st.selectbox(
        "Order",
        orders,
        key="order",
        bind="query-params",
        width=200,
        label_visibility="collapsed",
        help="Least confident: by the mean probability that the models give to their predicted class, lowest first.",
    )


def sort_images(
    images: Sequence[UploadedImage], order: str, models: Sequence[AnyModel], predictions: PredictionCache
) -> list[UploadedImage]:
    """Return the images in this order; equal images stay in upload order."""
    if order == DISAGREEMENT:
        return sorted(images, key=lambda item: -disagreement(predictions.get_all(item.hash, models)))
    if order == LEAST_CONFIDENT:
        return sorted(images, key=lambda item: mean_confidence(predictions.get_all(item.hash, models)))
    return list(images)


def choose_heat_map(models: Sequence[AnyModel]) -> HeatMapChoice | None:
    """Return the class to show heat maps for, or None if they are off; set their opacity."""
    if not st.toggle(
        "Show heat maps",
        key="why",
        bind="query-params",
        help="Bright regions of an image raise the score of the class (Grad-CAM over the last feature map).",
    ):
        return None
    classes = dict.fromkeys(name for model in models for name in model.classes)
    with st.container(horizontal=True, vertical_alignment="center"):
        label = st.selectbox("Heat map for", [PREDICTED_CLASS, *classes], key="why-class", width=260)
        show_opacity(st.slider("Opacity", 0, 100, 75, key="opacity", width=260, format="%d%%") / 100)
    return HeatMapChoice(None if label == PREDICTED_CLASS else label)
