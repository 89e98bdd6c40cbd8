"""Keras, the engine of GPUs and of networks that cannot be written as ONNX."""

from collections.abc import Sequence
from threading import Lock

import keras
import numpy as np

from core.backbones.backbone import PixelScaling
from core.learning.network.base import scale_pixels
from core.learning.network.cut_points import POOL, CutPoint
from core.learning.network.engines.engine import FrozenPart


def run_keras(base: keras.Model, cut_points: Sequence[CutPoint], batch_size: int, scaling: PixelScaling) -> FrozenPart:
    """Run the layers below these cut points with Keras, in batches of one size."""
    model = keras.Model(base.input, [_tensor_at(base, cut_point) for cut_point in cut_points])
    lock = Lock()

    def compute(pixels: np.ndarray) -> list[np.ndarray]:
        # one batch shape: Keras would trace the model again for each other
        padded = np.zeros((max(1, -(-len(pixels) // batch_size)) * batch_size, *pixels.shape[1:]), np.float32)
        padded[: len(pixels)] = scale_pixels(pixels, scaling)
        with lock:
            batches = [
                _as_list(model.predict_on_batch(padded[start : start + batch_size]))
                for start in range(0, len(padded), batch_size)
            ]
        return [np.concatenate(features)[: len(pixels)] for features in zip(*batches, strict=True)]

    return compute


def _tensor_at(base: keras.Model, cut_point: CutPoint) -> keras.KerasTensor:
    output = base.layers[cut_point.layers_below - 1].output
    return keras.layers.GlobalAveragePooling2D()(output) if cut_point.name == POOL else output


def _as_list(features: np.ndarray | list[np.ndarray]) -> list[np.ndarray]:
    return features if isinstance(features, list) else [features]
