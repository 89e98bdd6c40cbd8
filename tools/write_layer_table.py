"""Writes `core/backbones/mobilenet_v2.csv` from the Keras models: `python -m tools.write_layer_table`."""

import csv
import re
from pathlib import Path

import keras

from core.backbones.layer_table import TABLE
from core.backbones.mobilenet_v2 import ALPHAS
from core.learning.network.backbone import build_base


def describe_layers() -> list[dict[str, str | int]]:
    """Return one row per layer for `mobilenet_v2.csv`: name, block, stride, and channels and parameters per alpha."""
    tables = [_describe_layers_at(alpha) for alpha in ALPHAS]
    return [{key: value for table in tables for key, value in table[i].items()} for i in range(len(tables[0]))]


def _describe_layers_at(alpha: float) -> list[dict[str, str | int]]:
    base = build_base(alpha, 224, "random")
    return [
        {
            "name": layer.name if i else "input",
            "block": _block(layer.name if i else "input"),
            "stride": round(224 / _shape(layer)[1]),
            f"channels@{alpha}": _shape(layer)[-1],
            f"parameters@{alpha}": layer.count_params(),
            f"trainable@{alpha}": sum(w.size for w in map(keras.ops.convert_to_numpy, layer.trainable_weights)),
        }
        for i, layer in enumerate(base.layers)
    ]


def _shape(layer: keras.Layer) -> tuple[int, ...]:
    shape = layer.output.shape
    return tuple(shape)


def _block(name: str) -> str:
    match = re.match(r"block_\d+|expanded_conv", name)
    return match.group() if match else "top" if name.startswith(("Conv_1", "out_relu")) else "stem"


def write_table(path: Path = TABLE) -> None:
    """Write `mobilenet_v2.csv` from the Keras models of all alphas."""
    rows = describe_layers()
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write_table()
