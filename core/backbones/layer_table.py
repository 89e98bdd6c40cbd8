"""The layers of a base as data, so that pages show exact parameter counts without importing Keras.

The tables are written by `python -m tools.write_layer_table NAME`; a test compares them with the Keras models.
"""

import csv
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from core.backbones.backbone import Backbone


@dataclass(frozen=True)
class Layer:
    """One layer of the base.

    Args:
        depth: the smallest `unfreeze` that trains this layer: 1 = the top.
        channels: number of output channels.
        parameters: number of weights, BatchNormalization statistics included.
        trainable: number of weights that train once the layer is unfrozen.
    """

    depth: int
    name: str
    block: str
    channels: int
    parameters: int
    trainable: int


def layer_table(base: Backbone, width: float) -> tuple[Layer, ...]:
    """The base's layers from the input to the top. Raises `ValueError` if the base does not have this width."""
    if width not in base.widths:
        raise ValueError(f"Expected alpha to be one of {', '.join(map(str, base.widths))}; received {width!r}.")
    return _read_table(base.layer_table, float(width))


@cache
def _read_table(path: Path, width: float) -> tuple[Layer, ...]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Layer(
            len(rows) - i,
            row["name"],
            row["block"],
            *(int(row[f"{column}@{width}"]) for column in ("channels", "parameters", "trainable")),
        )
        for i, row in enumerate(rows)
    )


def blocks(base: Backbone) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
    """The layers of the default width grouped by block, from the input to the top."""
    layers = layer_table(base, base.default_width)
    return tuple((name, tuple(group)) for name, group in groupby(layers, key=lambda layer: layer.block))


def describe_depth(base: Backbone, unfreeze: int) -> str:
    """Which blocks `unfreeze` layers cover, in words: `from block_13 up`, or `from within block_13 up`."""
    if unfreeze == 0 or unfreeze >= base.layers:
        return "the head alone" if unfreeze == 0 else "the whole base"
    *_, below, lowest = layer_table(base, base.default_width)[: base.layers - unfreeze + 1]
    return f"from {'within ' if below.block == lowest.block else ''}{lowest.block} up"
