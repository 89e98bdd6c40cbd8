"""Grad-CAM: heat maps that show where in an image a model finds each class, computed without a gradient tape."""

from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class GradCamHead:
    """The head of a model as arrays: pooling or flattening - dense, ReLU - BatchNormalization - dense, softmax.

    Args:
        pools: True if the head averages the feature map over the image (the transfer model), False if it flattens it
            (the small CNN).
        hidden: weights (inputs, units) of the hidden layer; `hidden_bias` (units,).
        scale: (units,) factor of BatchNormalization at inference; 1 without it. Its shift does not affect the gradient.
        classes: weights (units, classes) of the last layer. Its bias does not affect the gradient either.
    """

    pools: bool
    hidden: np.ndarray
    hidden_bias: np.ndarray
    scale: np.ndarray
    classes: np.ndarray

    @classmethod
    def from_model(cls, model: keras.Model) -> "GradCamHead":
        """Read the head of a model of this project. Raises `ValueError` if one of its layers is missing."""
        hidden, bias = model.get_layer("hidden").get_weights()
        pools = head_input_layer(model) == "pool"
        scale = _normalisation_scale(model.get_layer("normalise")) if pools else np.ones(1)
        return cls(pools, hidden, bias, scale, model.get_layer("classes").get_weights()[0])

    def heat_maps(self, features: np.ndarray) -> np.ndarray:
        """Compute Grad-CAM for every class: (n, rows, columns, channels) -> (n, rows, columns, classes) uint8.

        Selvaraju et al. 2017, arXiv 1610.02391, equations 1 and 2: channels are weighted by the mean gradient of the
        class score before softmax, and negative sums are set to 0; each map is scaled to a maximum of 255. The head is
        piecewise linear, so its gradient is a product of its weights: exact, for all classes at once, on any backend.
        """
        active_units = (self._hidden_values(features) > 0) * self.scale
        weights = np.einsum(
            "cu,nu,uk->nck", self._mean_hidden_weights(features), active_units, self.classes, optimize=True
        )
        maps = np.maximum(np.einsum("nhwc,nck->nhwk", features, weights, optimize=True), 0)
        maximum = maps.max(axis=(1, 2), keepdims=True, initial=0)
        scaled: np.ndarray = 255 * np.divide(maps, maximum, out=np.zeros_like(maps), where=maximum > 0)
        return scaled.round().astype(np.uint8)

    def _hidden_values(self, features: np.ndarray) -> np.ndarray:
        """Compute the hidden units (n, units) before ReLU."""
        inputs: np.ndarray = features.mean(axis=(1, 2)) if self.pools else features.reshape(len(features), -1)
        values: np.ndarray = inputs @ self.hidden + self.hidden_bias
        return values

    def _mean_hidden_weights(self, features: np.ndarray) -> np.ndarray:
        """Return the gradient (channels, units) of each hidden unit by each channel, averaged over map positions."""
        _, rows, columns, channels = features.shape
        by_channel: np.ndarray = (
            self.hidden / (rows * columns)
            if self.pools
            else self.hidden.reshape(-1, channels, self.hidden.shape[1]).mean(axis=0)
        )
        return by_channel


def head_input_layer(model: keras.Model) -> str:
    """Return the name of the layer that receives the last feature map of a model of this project."""
    return "pool" if any(layer.name == "pool" for layer in model.layers) else "flatten"


def _normalisation_scale(layer: keras.layers.BatchNormalization) -> np.ndarray:
    gamma, _, _, variance = layer.get_weights()
    scale: np.ndarray = gamma / np.sqrt(variance + layer.epsilon)
    return scale
