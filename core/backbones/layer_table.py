"""The layers of MobileNetV2 as data, so that pages show exact parameter counts without importing Keras.

`mobilenet_v2.csv` is written by `python -m tools.write_layer_table`; a test compares it with the Keras model.
"""

import csv
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from core.backbones.mobilenet_v2 import ALL_LAYERS, ALPHAS

TABLE = Path(__file__).with_name("mobilenet_v2.csv")


@dataclass(frozen=True)
class Layer:
    """One layer of the base.

    Args:
        number: 1 = the input; `ALL_LAYERS` = the top.
        stride: downsampling factor: the output for a 224-pixel image has 224 / stride cells per side.
        channels: number of output channels.
        parameters: number of weights, BatchNormalization statistics included.
        trainable: number of weights that train once the layer is unfrozen.
    """

    number: int
    name: str
    block: str
    stride: int
    channels: int
    parameters: int
    trainable: int

    @property
    def depth(self) -> int:
        """The smallest `unfreeze` that trains this layer."""
        return ALL_LAYERS - self.number + 1

    def output_shape(self, image_size: int) -> tuple[int, int, int]:
        """(height, width, channels) of the output for a square image with `image_size` pixels per side."""
        side = image_size // self.stride + self.name.endswith("_pad")  # padding adds a row and a column of zeros
        return (side, side, self.channels)


@cache
def layer_table(alpha: float = 1.0) -> tuple[Layer, ...]:
    """The base's layers from the input to the top. Raises `ValueError` if Keras has no weights for this alpha."""
    if alpha not in ALPHAS:
        raise ValueError(f"Expected alpha to be one of {', '.join(map(str, ALPHAS))}; received {alpha!r}.")
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Layer(
            i,
            row["name"],
            row["block"],
            int(row["stride"]),
            *(int(row[f"{column}@{float(alpha)}"]) for column in ("channels", "parameters", "trainable")),
        )
        for i, row in enumerate(rows, start=1)
    )


def blocks(alpha: float = 1.0) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
    """The layers grouped by block, from the input to the top."""
    return tuple((name, tuple(group)) for name, group in groupby(layer_table(alpha), key=lambda layer: layer.block))


def describe_depth(unfreeze: int) -> str:
    """Which blocks `unfreeze` layers cover, in words: `from block_13 up`, or `from within block_13 up`."""
    if unfreeze in (0, ALL_LAYERS):
        return "the head alone" if unfreeze == 0 else "the whole base"
    lowest = layer_table()[ALL_LAYERS - unfreeze]
    below = layer_table()[lowest.number - 2]
    return f"from {'within ' if below.block == lowest.block else ''}{lowest.block} up"
