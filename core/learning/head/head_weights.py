"""The weights of the head as arrays, so that it trains and predicts without Keras."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from core.experiment.parameter_counts import HEAD_UNITS
from core.learning.head.blas_threads import in_one_thread

EPSILON: Final = np.float32(1e-3)
"""Added to the variance in BatchNormalization: the default of Keras."""


class HeadWeights(NamedTuple):
    """The weights of the head, float32, in the order in which Keras lists them.

    Args:
        hidden_kernel, hidden_bias: (channels, units), (units,) of the hidden dense layer.
        gamma, beta: (units,) scale and offset of BatchNormalization.
        mean, variance: (units,) its moving statistics, which do not train.
        output_kernel, output_bias: (units, classes), (classes,) of the last dense layer.
    """

    hidden_kernel: np.ndarray
    hidden_bias: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    output_kernel: np.ndarray
    output_bias: np.ndarray

    @property
    def trainable(self) -> tuple[np.ndarray, ...]:
        """The six arrays that the optimizer changes."""
        return (self.hidden_kernel, self.hidden_bias, self.gamma, self.beta, self.output_kernel, self.output_bias)

    def copy(self) -> "HeadWeights":
        """A copy whose arrays are its own."""
        return HeadWeights(*(np.array(array, np.float32) for array in self))


def initial_head(channels: int, classes: int, seed: int) -> HeadWeights:
    """Draw the initial weights of a head. They depend on the arguments only, not on Keras or its backend.

    Kernels are drawn as Keras does by default (Glorot and Bengio 2010): uniform in +-sqrt(6 / (inputs + outputs)).
    """
    random = np.random.default_rng([seed, channels, classes])

    def kernel(inputs: int, outputs: int) -> np.ndarray:
        limit = np.sqrt(6 / (inputs + outputs))
        return random.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)

    ones, zeros = np.ones(HEAD_UNITS, np.float32), np.zeros(HEAD_UNITS, np.float32)
    hidden, output = kernel(channels, HEAD_UNITS), kernel(HEAD_UNITS, classes)
    return HeadWeights(hidden, zeros, ones, zeros, zeros, ones, output, np.zeros(classes, np.float32)).copy()


def head_of(weights: Sequence[np.ndarray]) -> HeadWeights:
    """The weights of the head from those of a model or a checkpoint, in which they are the last ones."""
    return HeadWeights(*weights[-len(HeadWeights._fields) :])


def predict_log_probabilities(head: HeadWeights, features: np.ndarray) -> np.ndarray:
    """Compute the logarithms of the class probabilities (n, classes) from pooled features (n, channels)."""
    with in_one_thread():
        hidden = np.maximum(features.astype(np.float32) @ head.hidden_kernel + head.hidden_bias, 0)
        scale = head.gamma / np.sqrt(head.variance + EPSILON)
        normalised = (hidden - head.mean) * scale + head.beta
        return log_softmax(normalised @ head.output_kernel + head.output_bias)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """The logarithm of the softmax of each row, without overflow."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
