"""Cut points of a base: single tensors that all later layers depend on, found from the graph of the model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.backbones.layer_table import layer_table
from core.experiment.run_config import RunConfig

if TYPE_CHECKING:
    import keras

POOL = "pool"


@dataclass(frozen=True)
class CutPoint:
    """The boundary between the frozen part of a base and the layers that train.

    Args:
        name: the layer whose output is cached, or `POOL` for the pooled features at the end.
        layers_below: the number of layers of the base up to and including that layer.
        shape: the shape of one image's features there.
    """

    name: str
    layers_below: int
    shape: tuple[int, ...]


def find_cut_points(base: keras.Model) -> tuple[CutPoint, ...]:
    """Find every cut point of the base, from the image upwards, the pooled features last.

    No cut point lies inside a residual block, where two tensors are needed to continue.
    """
    producer = {id(layer.output): number for number, layer in enumerate(base.layers)}
    last_reader = [number for number in range(len(base.layers))]  # the last layer that reads each layer's output
    for number, layer in enumerate(base.layers[1:], start=1):
        for tensor in input_tensors(layer):
            last_reader[producer[id(tensor)]] = number
    read_until = np.maximum.accumulate([0, *last_reader])  # for each layer: up to which layer earlier outputs are read
    cut_points = [
        CutPoint(layer.name, number + 1, tuple(layer.output.shape[1:]))
        for number, layer in enumerate(base.layers)
        if read_until[number] <= number
    ]
    return (*cut_points, CutPoint(POOL, len(base.layers), (base.output.shape[-1],)))


def pooled_features(config: RunConfig) -> CutPoint:
    """Return the cut point at the end of the base of a run, which is known without building it."""
    layers = layer_table(config.backbone, config.alpha)
    return CutPoint(POOL, len(layers), (layers[-1].channels,))


def is_pooled(cut_point: CutPoint | None) -> bool:
    """Whether only the head is above this cut point, so that it trains and predicts without Keras."""
    return cut_point is not None and cut_point.name == POOL


def input_tensors(layer: keras.Layer) -> list[keras.KerasTensor]:
    """Return the input tensors of a layer of the base: one, or several for an addition or a multiplication."""
    return layer.input if isinstance(layer.input, list) else [layer.input]


def cut_point_for(base: keras.Model, unfreeze: int) -> CutPoint | None:
    """Return the highest cut point below the top `unfreeze` layers whose float16 features are no larger than the image.

    None if there is none: caching would not pay off, and the whole model is computed each time.
    """
    _, height, width, channels = base.input_shape
    small = [cut for cut in find_cut_points(base) if 2 * math.prod(cut.shape) <= height * width * channels]
    frozen = len(base.layers) - unfreeze
    below = [cut for cut in small if cut.layers_below <= frozen and (unfreeze == 0 or cut.name != POOL)]
    return below[-1] if below else None
