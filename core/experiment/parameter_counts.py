"""Parameter counts of the transfer model and of the baseline, computed without Keras."""

from itertools import pairwise
from typing import Final

from core.backbones.backbone import Backbone
from core.backbones.layer_table import layer_table

HEAD_UNITS: Final = 128
"""Units of the head's hidden dense layer."""

HEAD_DROPOUT: Final = 0.5
"""Share of the hidden units that dropout sets to zero in training."""

SMALL_CNN_FILTERS: Final = (32, 64, 128)
"""Filters of the baseline's convolutions. Pooling after each one halves height and width of the feature map."""


def head_parameters(base: Backbone, alpha: float, classes: int) -> tuple[int, int]:
    """(all, trainable) parameters of the head: Dense(128) - BatchNormalization - Dense(classes)."""
    features = layer_table(base, alpha)[-1].channels
    dense = (features + 1) * HEAD_UNITS + (HEAD_UNITS + 1) * classes
    return dense + 4 * HEAD_UNITS, dense + 2 * HEAD_UNITS


def trainable_parameters(base: Backbone, alpha: float, classes: int, unfreeze: int) -> int:
    """Number of parameters, the head's included, that train in a phase with this `unfreeze`."""
    of_base = sum(layer.trainable for layer in layer_table(base, alpha) if layer.depth <= unfreeze)
    return of_base + head_parameters(base, alpha, classes)[1]


def total_parameters(base: Backbone, alpha: float, classes: int) -> int:
    """Number of parameters of the model, base and head."""
    return sum(layer.parameters for layer in layer_table(base, alpha)) + head_parameters(base, alpha, classes)[0]


def small_cnn_parameters(classes: int, image_size: int) -> int:
    """Number of parameters of the baseline. All of them train."""
    channels = (3, *SMALL_CNN_FILTERS)
    convolutions = sum((9 * below + 1) * above for below, above in pairwise(channels))
    cells = (image_size >> len(SMALL_CNN_FILTERS)) ** 2 * channels[-1]
    return convolutions + (cells + 1) * HEAD_UNITS + (HEAD_UNITS + 1) * classes
