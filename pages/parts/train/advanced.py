"""Advanced settings of the Train page: everything except the strategies and the number of seeds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import streamlit as st

from core.analysis.results.settings import base_name
from core.analysis.text import escape_markdown
from core.backbones.imagenet_weights import imagenet_path
from core.backbones.registry import backbones
from core.backbones.weights import SAMPLE_BASE
from core.experiment.guidelines import batch_size, batch_size_warning
from core.experiment.run_config import FROZEN_PRECISIONS, RunConfig
from core.machine.devices import gpu_memory
from pages.parts.shared.augmentation_controls import choose_augmentation
from pages.parts.shared.form import (
    PERSISTENT,
    WEIGHT_LABELS,
    WEIGHTS_FILE,
    can_use_imagenet,
    chosen_layout,
    expect_fitting,
    match_base,
    match_sample_base,
    selected_base,
    weights_path,
)
from pages.parts.shared.grouping_controls import choose_grouping
from pages.parts.shared.services import Services, show_error
from pages.parts.train.dropouts import choose_dropouts


def choose_template(services: Services, data: str) -> tuple[RunConfig, list[str]]:
    """Show the advanced settings; return them as a configuration without a chosen strategy, and the errors in them."""
    errors: list[str] = []
    with st.expander("Advanced", key="advanced"):
        left, middle, right = st.columns(3)
        with left:
            template = _choose_sizes(_choose_base(data))
            if warning := batch_size_warning(template.batch_size):
                st.caption(f":material/warning: {warning}")
        with middle:
            with _collect(errors):
                template = replace(template, weights=_choose_weights(services, template))
            template = _choose_training(template)
            choose_dropouts()
            with _collect(errors):
                leak_free, groups = choose_grouping(services.allowed_folders)
                template = replace(template, leak_free=leak_free, groups=groups)
        with right:
            template = replace(
                template,
                augmentation=choose_augmentation(),
                views=_choose_copies(),
                frozen_precision=_choose_frozen_precision(),
            )
    return template, errors


@contextmanager
def _collect(errors: list[str]) -> Iterator[None]:
    """Show an error at the control that raised it, note it in `errors`, and go on with the next control."""
    try:
        yield
    except ValueError as error:
        show_error(error)
        errors.append(str(error))


def _choose_base(data: str) -> RunConfig:
    """Offer the bases if there are several; return a configuration with the selected one."""
    base = selected_base()
    if len(backbones()) > 1:
        st.selectbox(
            "Base",
            list(backbones()),
            format_func=base_name,
            key="base",
            **PERSISTENT,
            on_change=match_base,
            help="The pretrained network. Another base fills the form with its default settings.",
        )
    return RunConfig(
        data=data,
        base=base.name,
        image_size=base.default_size,
        alpha=base.default_width,
        layout=chosen_layout(data),
    )


def _choose_sizes(template: RunConfig) -> RunConfig:
    return replace(
        template,
        image_size=st.select_slider(
            "Image size",
            template.backbone.image_sizes,
            key="image-size",
            **PERSISTENT,
            help="Pixels per side of the network's input. Smaller images train faster and show less detail.",
        ),
        batch_size=st.select_slider(
            "Batch size", _batch_sizes(), key="batch-size", **PERSISTENT, help=batch_size(gpu_memory()).reason
        ),
        alpha=st.select_slider(
            f"Width of {template.backbone.title} (alpha)",
            template.backbone.widths,
            key="alpha",
            **PERSISTENT,
            help="1.0 is the standard network; 0.35 has a third of its channels.",
        )
        if len(template.backbone.widths) > 1
        else template.alpha,
        seed=st.number_input(
            "Seed",
            0,
            2**31 - 1,
            key="seed",
            **PERSISTENT,
            help="Determines the split, the order of the images and every other random choice.",
        ),
    )


def _choose_copies() -> int:
    return st.number_input(
        "Augmented copies per image",
        0,
        64,
        key="views",
        **PERSISTENT,
        help="Number of randomly changed copies of each training image; epochs use them in turn. The features of a "
        "copy are computed once and cached, so training with few copies is fast. 0: new copies in each epoch, "
        "without a cache. 1: the unchanged image.",
    )


def _choose_frozen_precision() -> str:
    return st.selectbox(
        "Precision of cached features",
        FROZEN_PRECISIONS,
        key="frozen-precision",
        **PERSISTENT,
        help="exact: the frozen layers compute in 32 bits. fastest: for training in bfloat16, where the processor is "
        "faster with it and a check on 32 images passes. Test images are always computed exactly.",
    )


def _batch_sizes() -> list[int]:
    return sorted({8, 16, 32, 64, 128, st.session_state["batch-size"]})


def _choose_training(template: RunConfig) -> RunConfig:
    return replace(
        template,
        patience=st.number_input(
            "Patience",
            0,
            1_000,
            key="patience",
            **PERSISTENT,
            help="Ends a phase after this number of epochs without a lower validation loss; 0 = never.",
        ),
        class_weights=st.checkbox("Class weights", key="class-weights", **PERSISTENT),
        deterministic=st.checkbox(
            "Deterministic",
            key="deterministic",
            **PERSISTENT,
            help="The same seed gives the same weights, bit for bit, on the same machine; slower on GPUs.",
        ),
        mixed_precision=st.checkbox(
            "Mixed precision",
            key="mixed-precision",
            **PERSISTENT,
            help="Computes in 16 bits on GPUs that are faster with it; the results are nearly as exact.",
        ),
    )


def _choose_weights(services: Services, template: RunConfig) -> str:
    choice = st.selectbox(
        "Pretrained weights",
        [*WEIGHT_LABELS.values(), WEIGHTS_FILE],
        key="weights",
        **PERSISTENT,
        on_change=match_sample_base,
        help="Initial weights of the base.",
    )
    if choice == WEIGHTS_FILE:
        file = weights_path(services.allowed_folders, _enter_file(template.backbone.title))
        expect_fitting(file, template.base, template.alpha)
        return file
    weights = next(name for name, label in WEIGHT_LABELS.items() if label == choice)
    if weights == SAMPLE_BASE:
        expect_fitting(weights, template.base, template.alpha)
    if not can_use_imagenet(template.base, template.alpha, template.image_size):
        path = imagenet_path(template.backbone, template.alpha, template.image_size)
        st.caption(
            "The ImageNet weights for this width and image size cannot be downloaded now. To use them, put the file "
            f"at {escape_markdown(str(path))}."
        )
    return weights


def _enter_file(title: str) -> str:
    return st.text_input(
        "Weights file on this machine",
        key="weights-file",
        **PERSISTENT,
        placeholder="~/weights.h5",
        help=f"A Keras file with the weights of {title} without its top, for this width.",
    )
