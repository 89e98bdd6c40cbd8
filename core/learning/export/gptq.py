"""Quantise convolutions to 8 bits such that their outputs change little (GPTQ).

Rounding each weight to the nearest 8-bit level undoes much of a fine-tuning, whose changes are smaller than the step
between two levels. GPTQ compensates the error of each quantised weight in the weights that are not quantised yet
(Frantar et al. 2023, arXiv 2210.17323).
"""

import keras
import numpy as np

from core.learning.network.model import base_of

MAX_LEVEL = 127
"""LiteRT's levels are -127 to 127 for each output channel; the largest absolute weight of a channel is at +-127."""

_MAX_INPUTS, _BATCH_SIZE, _POSITIONS = 4_000, 8, 64
"""For each layer: the most input vectors; images per batch; positions sampled per image."""


def quantise_model(model: keras.Model, pixels: np.ndarray) -> keras.Model:
    """Return a copy of a model in which the weights of all 1 x 1 convolutions of the base are on 8-bit levels.

    A converter that rounds to the nearest level then leaves them unchanged. They are most of the model's weights; the
    converter quantises the others.

    Args:
        pixels: (n, size, size, 3) images like those to be predicted; the inputs of each convolution are sampled from
            them.
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    base = base_of(copy)
    if base is None:
        return copy
    layers = [
        layer
        for layer in base.layers
        if isinstance(layer, keras.layers.Conv2D)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
        and layer.kernel_size == (1, 1)
    ]
    for layer, inputs in zip(layers, _sample_inputs(copy, base, layers, pixels), strict=True):
        kernel, *rest = layer.get_weights()
        layer.set_weights([quantise_kernel(kernel[0, 0], inputs)[None, None], *rest])
    return copy


def quantise_kernel(kernel: np.ndarray, inputs: np.ndarray, damping: float = 0.01) -> np.ndarray:
    """Quantise a matrix (inputs, outputs) to 8-bit levels with little change of its products with `inputs` (n, inputs).

    Rows are quantised one after another, for all outputs at once, in order of falling input energy. The error of a row
    is distributed over the remaining rows by the Cholesky factor of the inverse of the inputs' second moments
    (algorithm 1 of the paper). The largest weight of each output is unchanged, and with it the levels.
    """
    kernel, inputs = kernel.astype(np.float64), inputs.astype(np.float64)
    step = np.maximum(np.abs(kernel).max(axis=0), 1e-12) / MAX_LEVEL
    moments = inputs.T @ inputs
    moments[np.diag_indices_from(moments)] += damping * np.mean(np.diag(moments)) + 1e-12
    order = np.argsort(-np.diag(moments))
    factor = np.linalg.cholesky(np.linalg.inv(moments[np.ix_(order, order)])).T
    remaining, quantised, largest = kernel[order], np.zeros_like(kernel), np.abs(kernel).argmax(axis=0)
    for i, row in enumerate(order):
        levels = np.clip(np.round(remaining[i] / step), -MAX_LEVEL, MAX_LEVEL)
        levels = np.where(largest == row, MAX_LEVEL * np.sign(kernel[row]), levels)
        quantised[row] = levels * step
        remaining[i + 1 :] -= np.outer(factor[i, i + 1 :], (remaining[i] - quantised[row]) / factor[i, i])
    return quantised.astype(np.float32)


def _sample_inputs(
    model: keras.Model, base: keras.Model, layers: list[keras.Layer], pixels: np.ndarray
) -> list[np.ndarray]:
    """Sample for each layer some of its input vectors (n, channels), at random positions of the images."""
    rng, probe = np.random.default_rng(0), keras.Model(base.input, [layer.input for layer in layers])
    scale = model.get_layer("rescale")
    samples: list[list[np.ndarray]] = [[] for _ in layers]
    for start in range(0, len(pixels), _BATCH_SIZE):
        batch = keras.ops.convert_to_numpy(scale(pixels[start : start + _BATCH_SIZE].astype(np.float32)))
        for sample, maps in zip(samples, probe.predict_on_batch(batch), strict=True):
            vectors = maps.reshape(-1, maps.shape[-1])
            sample.append(vectors[rng.permutation(len(vectors))[: _BATCH_SIZE * _POSITIONS]])
    return [np.concatenate(sample)[:_MAX_INPUTS] for sample in samples]
