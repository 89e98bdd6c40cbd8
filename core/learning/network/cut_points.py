"""Where a frozen base may be cut: single tensors that all later layers depend on. Found from the model's own graph."""

import math
from dataclasses import dataclass

import keras
import numpy as np

from core.backbones.mobilenet_v2 import ALL_LAYERS

POOL = "pool"


@dataclass(frozen=True)
class CutPoint:
    """A place between the frozen part of a base and what trains.

    Args:
        name: of the layer whose output is cut, or `POOL` for the pooled features at the end.
        below: how many layers of the base lie below it.
        shape: of one image's row there.
    """

    name: str
    below: int
    shape: tuple[int, ...]


def find_cut_points(base: keras.Model) -> tuple[CutPoint, ...]:
    """Every cut of the base from the image upwards, the pooled features last. None lies inside a residual block."""
    producer = {id(layer.output): number for number, layer in enumerate(base.layers)}
    reach = [number for number in range(len(base.layers))]  # the last layer that reads each layer's output
    for number, layer in enumerate(base.layers[1:], start=1):
        for tensor in inputs_of(layer):
            reach[producer[id(tensor)]] = number
    open_until = np.maximum.accumulate([0, *reach])  # before each layer: how far up earlier outputs are still read
    cuts = [
        CutPoint(layer.name, number + 1, tuple(layer.output.shape[1:]))
        for number, layer in enumerate(base.layers)
        if open_until[number] <= number
    ]
    return (*cuts, CutPoint(POOL, len(base.layers), (base.output.shape[-1],)))


def inputs_of(layer: keras.Layer) -> list[keras.KerasTensor]:
    """What a layer of the base reads: one tensor, or two where it adds them."""
    return layer.input if isinstance(layer.input, list) else [layer.input]


def cut_point_for(base: keras.Model, unfreeze: int) -> CutPoint | None:
    """The highest cut below the top `unfreeze` layers whose rows in 16 bits take no more room than the image.

    None where there is none, so that keeping would not pay: then the whole model is computed each time.
    """
    _, height, width, channels = base.input_shape
    fitting = [cut for cut in find_cut_points(base) if 2 * math.prod(cut.shape) <= height * width * channels]
    below = [cut for cut in fitting if cut.below <= ALL_LAYERS - unfreeze and (unfreeze == 0 or cut.name != POOL)]
    return below[-1] if below else None
