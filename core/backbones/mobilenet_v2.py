"""MobileNetV2 as data: its widths, image sizes and number of layers. Sandler et al. 2018, arXiv 1801.04381."""

from typing import Final

ALPHAS: Final = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Width multipliers for which Keras publishes ImageNet weights."""

IMAGE_SIZES: Final = (96, 128, 160, 192, 224)
"""Side lengths in pixels for which Keras publishes ImageNet weights."""

ALL_LAYERS: Final = 154
"""Number of layers without the ImageNet classifier, the same at every width and image size."""
