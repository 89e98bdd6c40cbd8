"""A base network as data, so that the rest of the project can use any of them without knowing which it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class PixelScaling:
    """Conversion of RGB values 0..255 to the input of a network: value / divisor + offset.

    Args:
        divisor, offset: one number for all channels, or one per channel.
    """

    divisor: float | tuple[float, float, float]
    offset: float | tuple[float, float, float]

    @property
    def scale(self) -> float | list[float]:
        """1 / divisor."""
        return [1 / value for value in self.divisor] if isinstance(self.divisor, tuple) else 1 / self.divisor


TO_UNIT_RANGE: Final = PixelScaling(127.5, -1.0)
"""Scaling to [-1, 1]."""


@dataclass(frozen=True)
class SampleWeights:
    """Weights that are part of this program: their file, their width and the image size at which they were trained."""

    file: Path
    width: float
    image_size: int


@dataclass(frozen=True)
class DepthRange:
    """A suggested number of layers to unfreeze, from `low` to `high`, for at most `max_images` images."""

    max_images: float
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class Backbone:
    """A base network: what can be set, how it is built, and what is known about it.

    Args:
        name: in configurations and on the command line, e.g. `mobilenet-v2`.
        title: on pages.
        network: the function that builds it, as `module:function`. It returns a functional model and takes the
            arguments of the functions in `keras.applications`: `input_shape`, `include_top`, `weights`, `name`.
        width_argument: that function's argument for the width, or None if the network has only one width.
        arguments: more arguments for that function, the same for every run.
        scaling: how pixels are scaled; `PixelScaling(1, 0)` if the network does it itself.
        widths: width multipliers (alpha) that a run may choose.
        image_sizes: side lengths in pixels that a run may choose.
        default_width, default_size: the width and the image size unless a run chooses others.
        layers: number of layers without the classifier, the same at every width and image size.
        block: pattern of layer names. The part of a name that it matches, from the start, is the name of the layer's
            block. Layers that it does not match belong to `stem` if they come before all blocks, else to `top`.
        default_depth: number of layers that two-phase unfreezes.
        sweep_depths: numbers of layers that a depth sweep unfreezes, one strategy each.
        gradual_depths: numbers of layers that gradual unfreezing unfreezes, phase by phase.
        depth_ranges: suggested numbers of layers to unfreeze, by rising number of images.
        weights_url: address of the ImageNet weights; may contain `{width}` and `{size}`. Empty if there are none.
        weights_hashes: `md5:...` or `sha256:...` of the files at that address, by file name, as far as known.
        sample: weights that are part of this program, if any.
    """

    name: str
    title: str
    network: str
    layers: int
    block: str
    scaling: PixelScaling = TO_UNIT_RANGE
    width_argument: str | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    widths: tuple[float, ...] = (1.0,)
    image_sizes: tuple[int, ...] = (96, 128, 160, 192, 224)
    default_width: float = 1.0
    default_size: int = 224
    default_depth: int = 30
    sweep_depths: tuple[int, ...] = ()
    gradual_depths: tuple[int, ...] = (0, 10, 20, 30)
    depth_ranges: tuple[DepthRange, ...] = ()
    weights_url: str = ""
    weights_hashes: Mapping[str, str] = field(default_factory=dict)
    sample: SampleWeights | None = None

    @property
    def layer_table(self) -> Path:
        """The file with its layers, written by `python -m tools.write_layer_table NAME`."""
        return Path(__file__).with_name(f"{self.name.replace('-', '_')}.csv")

    def weights_address(self, width: float, size: int) -> str:
        """The address of the ImageNet weights for this width and image size."""
        return self.weights_url.format(width=width, size=size)
