"""MobileNetV2 without its ImageNet top: built, given its weights, and described layer by layer."""

import warnings
from pathlib import Path

import keras
import numpy as np

from core.backbones.weights import WeightsError, resolve_weights
from core.data.sample_set.generate import SAMPLE_CLASSES, draw_image

BASE_NAME = "base"


def build_base(alpha: float, image_size: int, weights: str) -> keras.Model:
    """MobileNetV2 for square RGB images in [-1, 1], ending in its last feature map; it always infers.

    Args:
        weights: "imagenet", "sample", "random", or the path of a weights file for this alpha.

    Raises `WeightsError` where the weights cannot be had or do not fit.
    """
    base = keras.applications.MobileNetV2(
        input_shape=(image_size, image_size, 3), alpha=alpha, include_top=False, weights=None, name=BASE_NAME
    )
    path = resolve_weights(weights, alpha, image_size)
    if path:
        _load(base, path, alpha)
    else:
        _measure_statistics(base, image_size)
    always_infer(base)
    return base


def rescaled(pixels: np.ndarray) -> np.ndarray:
    """uint8 images as a base takes them: float32 in [-1, 1]. A whole model does this itself, in its first layer."""
    return pixels / np.float32(127.5) - 1


def _measure_statistics(base: keras.Model, image_size: int) -> None:
    """Give random weights the BatchNormalization statistics of a few drawn pictures.

    A base that always infers would keep the statistics it was born with, 0 and 1, and its signal would fade to nothing
    from block to block.
    """
    pictures = [draw_image(label, 0, image_size) for label in SAMPLE_CLASSES]
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentum = norms[0].momentum
    for layer in norms:
        layer.momentum = 0.0
    base(rescaled(np.stack(pictures)), training=True)
    for layer in norms:
        layer.momentum = momentum


def always_infer(base: keras.Model) -> None:
    """Make every call of the base one with training=False, so that BatchNormalization keeps its statistics.

    `base(x, training=False)` in a functional model is not enough: `fit` calls the outer model with training=True, and
    Keras 3 hands that on to every layer inside (https://github.com/keras-team/keras/issues/20285).
    """
    call = base.call
    base.call = lambda inputs, training=None, mask=None: call(inputs, training=False, mask=mask)


def _load(base: keras.Model, path: Path, alpha: float) -> None:
    """Load every weight or refuse: Keras leaves what it does not find in a file as it was, with only a warning."""
    base.set_weights([np.full(weight.shape, np.nan) for weight in base.weights])
    try:
        if path.suffix == ".npz":
            base.set_weights(_arrays(path))
        else:
            with warnings.catch_warnings(action="ignore"):
                base.load_weights(path)
        missing = sum(bool(np.isnan(array).any()) for array in base.get_weights())
        reason = f"{missing} of {len(base.weights)} weights are missing in it" if missing else ""
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0][:120]
    if reason:
        raise WeightsError(
            f"Expected the weights of MobileNetV2 without its top at alpha {alpha}; received {path} "
            f"({reason}). Choose the file for this alpha."
        )


def _arrays(path: Path) -> list[np.ndarray]:
    with np.load(path) as file:
        return [file[name].astype(np.float32) for name in sorted(file.files)]
