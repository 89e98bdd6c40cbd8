"""The settings that most people leave as they are."""

from dataclasses import replace

import streamlit as st

from core.analysis.text import escape_markdown
from core.backbones.mobilenet_v2 import ALPHAS, IMAGE_SIZES
from core.backbones.weights import SAMPLE_BASE, imagenet_path
from core.experiment.guidelines import batch_size
from core.experiment.run_config import RunConfig
from core.machine.devices import gpu_memory
from pages.parts.shared.augmentation_controls import choose_augmentation
from pages.parts.shared.form import (
    FILE,
    KEPT,
    WEIGHTS,
    can_fetch_imagenet,
    expect_sample_base,
    fit_to_weights,
    weights_path,
)
from pages.parts.shared.services import Services


def choose_rest(services: Services, data: str) -> RunConfig:
    """A template with everything but the strategy. Raises `ValueError`."""
    with st.expander("Advanced"):
        left, middle, right = st.columns(3)
        with left:
            template = _choose_sizes(RunConfig(data=data))
        with middle:
            template = replace(template, weights=_choose_weights(services, template), **_choose_stopping())
        with right:
            template = replace(template, augmentation=choose_augmentation(), views=_choose_views())
    return template


def _choose_sizes(template: RunConfig) -> RunConfig:
    return replace(
        template,
        image_size=st.select_slider(
            "Image size",
            IMAGE_SIZES,
            key="image-size",
            **KEPT,
            help="Pixels a side that the network sees. Smaller is faster and coarser.",
        ),
        batch_size=st.select_slider(
            "Batch size", _batch_sizes(), key="batch-size", **KEPT, help=batch_size(gpu_memory()).reason
        ),
        alpha=st.select_slider(
            "Width of MobileNetV2 (alpha)",
            ALPHAS,
            key="alpha",
            **KEPT,
            help="1.0 is the usual network; 0.35 has a third of its channels.",
        ),
        seed=st.number_input(
            "Seed",
            0,
            2**31 - 1,
            key="seed",
            **KEPT,
            help="Fixes the split, the order of images and every other chance.",
        ),
    )


def _choose_views() -> int:
    return st.number_input(
        "Views of each training image",
        0,
        64,
        key="views",
        **KEPT,
        help="Epochs take them in turn. What the frozen part says of a view is computed once and kept, so few views "
        "are fast. 0: a new one in each epoch, nothing is kept. 1: the image as it is.",
    )


def _batch_sizes() -> list[int]:
    return sorted({8, 16, 32, 64, 128, st.session_state["batch-size"]})


def _choose_stopping() -> dict[str, int | bool]:
    return {
        "patience": st.number_input(
            "Patience",
            0,
            1_000,
            key="patience",
            **KEPT,
            help=("End a phase after so many epochs without a better validation loss; 0 = never."),
        ),
        "class_weights": st.checkbox("Weigh rare classes more", key="class-weights", **KEPT),
        "deterministic": st.checkbox(
            "Repeatable bit for bit",
            key="deterministic",
            **KEPT,
            help="Same seed, same weights on the same machine; slower on GPUs.",
        ),
        "leak_free": st.checkbox(
            "Near-duplicates in one part",
            key="leak-free",
            **KEPT,
            help="Otherwise a test image may have its like among those that train, and "
            "accuracy is too high. The Data page shows them.",
        ),
        "mixed_precision": st.checkbox(
            "16 bits on a GPU",
            key="mixed-precision",
            **KEPT,
            help="Where the GPU gains from it: faster, nearly as exact.",
        ),
    }


def _choose_weights(services: Services, template: RunConfig) -> str:
    choice = st.selectbox(
        "What was learned from",
        [*WEIGHTS.values(), FILE],
        key="weights",
        **KEPT,
        on_change=fit_to_weights,
        help="Where the base's weights come from.",
    )
    if choice == FILE:
        return weights_path(services.allowed_folders, _ask_for_file())
    weights = next(name for name, title in WEIGHTS.items() if title == choice)
    if weights == SAMPLE_BASE:
        expect_sample_base(template.alpha)
    if not can_fetch_imagenet(template.alpha, template.image_size):
        path = imagenet_path(template.alpha, template.image_size)
        st.caption(f"The ImageNet weights at this width and size belong at {escape_markdown(str(path))}.")
    return weights


def _ask_for_file() -> str:
    return st.text_input(
        "Weights file on this machine",
        key="weights-file",
        **KEPT,
        placeholder="~/weights.h5",
        help="A Keras file of MobileNetV2's weights without its top, at this width.",
    )
