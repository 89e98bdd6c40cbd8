"""The base's initial weights: Keras' ImageNet file, the sample base, a file of the user, or none (random)."""

import os
from pathlib import Path
from typing import Final

from core.backbones.backbone import Backbone
from core.backbones.imagenet_weights import fetch_imagenet
from core.backbones.registry import backbones
from core.backbones.weights_file import WeightsError, expect_owner, expect_readable, is_readable

IMAGENET: Final = "imagenet"
SAMPLE_BASE: Final = "sample"
RANDOM: Final = "random"
BUILT_IN_WEIGHTS: Final = IMAGENET, SAMPLE_BASE, RANDOM
SAMPLE_BASE_NOTICE = (
    "The ImageNet weights are not on this machine and cannot be downloaded now. Training starts from the "
    "sample base instead: a small network trained only on images drawn by this program."
)
RANDOM_WEIGHTS_NOTICE = (
    "With random weights nothing is transferred: training works, but expect an accuracy near chance level."
)


def resolve_weights(base: Backbone, weights: str, width: float, image_size: int) -> Path | None:
    """Return the file to load into the base; None for "random". Download the ImageNet file if it is not cached yet.

    Raises `WeightsError` with one line that names the remedy.
    """
    if weights == RANDOM:
        return None
    if weights == IMAGENET:
        return fetch_imagenet(base, width, image_size)
    if weights == SAMPLE_BASE:
        return _sample_file(base, width)
    path = Path(os.path.expanduser(weights))  # noqa: PTH111 - never raises
    if not os.path.isfile(path):  # noqa: PTH113 - nor does this one, whatever the name
        raise WeightsError(
            f"Expected weights to be imagenet, sample, random, or a file; received {weights}, which is no file. "
            "Check the path."
        )
    expect_readable(path)
    expect_owner(path, base, width)
    return path


def _sample_file(base: Backbone, width: float) -> Path:
    if base.sample is None:
        owners = " or ".join(other.title for other in backbones().values() if other.sample)
        raise WeightsError(
            f"Expected weights of {base.title}; received the sample base, which is a {owners}. Choose that base, or "
            "other weights."
        )
    if width != base.sample.width:
        raise WeightsError(
            f"Expected width (alpha) {base.sample.width} for the sample base; received {width}. "
            "Choose that width, or other weights."
        )
    if not is_readable(base.sample.file):
        state = "damaged" if base.sample.file.is_file() else "missing"
        raise WeightsError(
            f"Expected the sample base, a part of this program, at {base.sample.file}; it is {state}. "
            "Reinstall the program, or choose random weights."
        )
    return base.sample.file


def offline_weights(base: Backbone) -> tuple[str, str]:
    """The weights to use if ImageNet's are unavailable, and a one-line notice that explains the choice.

    They are the sample base, or random weights if this base has none, or its file is missing or damaged.
    """
    if base.sample is None:
        return RANDOM, (
            "The ImageNet weights are not on this machine and cannot be downloaded now, and this program has no sample "
            f"weights of {base.title}: training starts from random weights. {RANDOM_WEIGHTS_NOTICE}"
        )
    try:
        _sample_file(base, base.sample.width)
    except WeightsError as error:
        return RANDOM, f"{error} {RANDOM_WEIGHTS_NOTICE}"
    return SAMPLE_BASE, SAMPLE_BASE_NOTICE
