"""The base: a pretrained network without its classification layers. Build it and load its weights."""

import pkgutil
import warnings
from pathlib import Path

import keras
import numpy as np

from core.backbones.backbone import Backbone, PixelScaling
from core.backbones.weights import resolve_weights
from core.backbones.weights_file import WeightsError
from core.data.sample_set.generate import SAMPLE_CLASSES, draw_image

BASE_NAME = "base"


def build_base(backbone: Backbone, alpha: float, image_size: int, weights: str) -> keras.Model:
    """Build a base for square RGB images, scaled as it expects, up to its last feature map, always in inference mode.

    Args:
        weights: "imagenet", "sample", "random", or the path of a weights file for this alpha.

    Raises `WeightsError` if the weights are not available or do not fit.
    """
    width = {backbone.width_argument: alpha} if backbone.width_argument else {}
    base = pkgutil.resolve_name(backbone.network)(
        input_shape=(image_size, image_size, 3),
        include_top=False,
        weights=None,
        name=BASE_NAME,
        **width,
        **backbone.arguments,
    )
    path = resolve_weights(backbone, weights, alpha, image_size)
    if path:
        _load(base, path, backbone, alpha)
    else:
        _initialise_statistics(base, backbone.scaling)
    always_infer(base)
    return base


def scale_pixels(pixels: np.ndarray, scaling: PixelScaling) -> np.ndarray:
    """Convert uint8 images to the float32 input of a base. A whole model does this in its first layer."""
    scaled: np.ndarray = pixels / np.asarray(scaling.divisor, np.float32) + np.asarray(scaling.offset, np.float32)
    return scaled


def _initialise_statistics(base: keras.Model, scaling: PixelScaling) -> None:
    """Set the BatchNormalization statistics of a base with random weights, measured on a few drawn images.

    The base always runs in inference mode, so it would keep the initial statistics, mean 0 and variance 1, and its
    activations would fade to zero from block to block.
    """
    images = [np.asarray(draw_image(label, 0, base.input_shape[1])) for label in SAMPLE_CLASSES]
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    base(scale_pixels(np.stack(images), scaling), training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum


def always_infer(base: keras.Model) -> None:
    """Run every call of the base with training=False, so that its BatchNormalization statistics never change.

    `base(x, training=False)` in a functional model is not enough: `fit` calls the outer model with training=True, and
    Keras 3 passes that on to every layer inside (https://github.com/keras-team/keras/issues/20285).
    """
    call = base.call
    base.call = lambda inputs, training=None, mask=None: call(inputs, training=False, mask=mask)


def _load(base: keras.Model, path: Path, backbone: Backbone, alpha: float) -> None:
    """Load every weight or raise `WeightsError`: Keras only warns of weights that are missing in the file."""
    base.set_weights([np.full(weight.shape, np.nan) for weight in base.weights])
    try:
        if path.suffix == ".npz":
            base.set_weights(_read_arrays(path))
        else:
            with warnings.catch_warnings(action="ignore"):
                base.load_weights(path)
        missing = sum(bool(np.isnan(array).any()) for array in base.get_weights())
        reason = f"{missing} of {len(base.weights)} weights are missing in it" if missing else ""
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]
    if reason:
        raise WeightsError(
            f"Expected the weights of {backbone.title} without its top at alpha {alpha}; received {path} "
            f"({reason}). Choose the file for this network and width."
        )


def _read_arrays(path: Path) -> list[np.ndarray]:
    with np.load(path) as file:
        return [file[name].astype(np.float32) for name in sorted(file.files)]
