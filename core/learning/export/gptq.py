"""Convolutions rounded to 8 bits so that what they say stays, not each weight alone.

Rounding each weight to the nearest step takes back much of a fine-tuning, whose changes are smaller than a step. Here
the error of each rounded weight is made up for by those not rounded yet (GPTQ: Frantar et al. 2023, arXiv 2210.17323).
"""

import keras
import numpy as np

from core.learning.network.backbone import rescaled
from core.learning.network.model import base_of

HIGHEST = 127
"""LiteRT's steps: -127 to 127 for each output channel, whose largest weight is one of the two."""

_INPUTS, _AT_ONCE, _PLACES = 4_000, 8, 64


def rounded(model: keras.Model, pixels: np.ndarray) -> keras.Model:
    """A copy of a model in which the weights of every 1 x 1 convolution of the base lie on their 8-bit steps.

    A converter that rounds to the nearest step then changes nothing in them. They are where nearly all weights are; the
    others are left to the converter.

    Args:
        pixels: (n, size, size, 3) images as those that the model will see; what enters each convolution is taken from
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
    for layer, inputs in zip(layers, _inputs_of(base, layers, pixels), strict=True):
        kernel, *rest = layer.get_weights()
        layer.set_weights([quantise_kernel(kernel[0, 0], inputs)[None, None], *rest])
    return copy


def quantise_kernel(kernel: np.ndarray, inputs: np.ndarray, damping: float = 0.01) -> np.ndarray:
    """A matrix (inputs, outputs) on its 8-bit steps, with nearly the same products with `inputs` (n, inputs).

    Inputs are rounded one after another, those with the most energy first, each with all outputs at once; the error is
    spread over those still to come by the Cholesky factor of the inverse of their second moments (algorithm 1 of the
    paper). The largest weight of each output stays as it is, and so the steps do.
    """
    kernel, inputs = kernel.astype(np.float64), inputs.astype(np.float64)
    step = np.maximum(np.abs(kernel).max(axis=0), 1e-12) / HIGHEST
    moments = inputs.T @ inputs
    moments[np.diag_indices_from(moments)] += damping * np.mean(np.diag(moments)) + 1e-12
    order = np.argsort(-np.diag(moments))
    factor = np.linalg.cholesky(np.linalg.inv(moments[np.ix_(order, order)])).T
    left, found, largest = kernel[order], np.zeros_like(kernel), np.abs(kernel).argmax(axis=0)
    for i, row in enumerate(order):
        steps = np.clip(np.round(left[i] / step), -HIGHEST, HIGHEST)
        steps = np.where(largest == row, HIGHEST * np.sign(kernel[row]), steps)
        found[row] = steps * step
        left[i + 1 :] -= np.outer(factor[i, i + 1 :], (left[i] - found[row]) / factor[i, i])
    return found.astype(np.float32)


def _inputs_of(base: keras.Model, layers: list[keras.Layer], pixels: np.ndarray) -> list[np.ndarray]:
    """For each layer some of the vectors (n, channels) that enter it, from places drawn at random."""
    rng, probe = np.random.default_rng(0), keras.Model(base.input, [layer.input for layer in layers])
    found: list[list[np.ndarray]] = [[] for _ in layers]
    for start in range(0, len(pixels), _AT_ONCE):
        batch = rescaled(pixels[start : start + _AT_ONCE])
        for kept, maps in zip(found, probe.predict_on_batch(batch), strict=True):
            vectors = maps.reshape(-1, maps.shape[-1])
            kept.append(vectors[rng.permutation(len(vectors))[: _AT_ONCE * _PLACES]])
    return [np.concatenate(kept)[:_INPUTS] for kept in found]
