"""Write the table of a base's layers, from its Keras models: `python -m tools.write_layer_table [NAME]`."""

import csv
import re
import sys
from pathlib import Path

import keras

from core.backbones.backbone import Backbone
from core.backbones.registry import DEFAULT_BASE, backbone
from core.learning.network.base import build_base


def describe_layers(base: Backbone) -> list[dict[str, str | int]]:
    """Return one row per layer: name, block, and number of channels and parameters per width."""
    tables = [_describe_layers_at(base, width) for width in base.widths]
    return [{key: value for table in tables for key, value in table[i].items()} for i in range(len(tables[0]))]


def _describe_layers_at(base: Backbone, width: float) -> list[dict[str, str | int]]:
    layers = build_base(base, width, base.default_size, "random").layers
    names = ["input", *(layer.name for layer in layers[1:])]
    return [
        {
            "name": name,
            "block": block,
            f"channels@{width}": tuple(layer.output.shape)[-1],
            f"parameters@{width}": layer.count_params(),
            f"trainable@{width}": sum(w.size for w in map(keras.ops.convert_to_numpy, layer.trainable_weights)),
        }
        for name, block, layer in zip(names, _blocks(names, base.block), layers, strict=True)
    ]


def _blocks(names: list[str], pattern: str) -> list[str]:
    """Name the block of each layer; layers before the first block are the stem, those after the last one the top."""
    matches = [re.match(pattern, name) for name in names]
    first = next((i for i, match in enumerate(matches) if match), len(names))
    return [match.group() if match else "stem" if i < first else "top" for i, match in enumerate(matches)]


def write_table(base: Backbone, path: Path | None = None) -> None:
    """Write the table to `path`, by default to where `layer_table` reads it."""
    rows = describe_layers(base)
    with (path or base.layer_table).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write_table(backbone(sys.argv[1]) if sys.argv[1:] else DEFAULT_BASE)
