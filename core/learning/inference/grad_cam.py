"""What a network does above its last feature map, as numbers: each class is explained there without a gradient tape."""

from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class Head:
    """Pooling or flattening - dense, ReLU - BatchNormalization - dense, softmax.

    Args:
        pools: whether the feature map is averaged over the image (the transfer model) or flattened (the small CNN).
        hidden: (inputs, units) weights, and `hidden_bias` (units,).
        scale: (units,) of the inferring BatchNormalization; 1 where there is none. Its shift moves no map.
        classes: (units, classes) weights; neither does their bias.
    """

    pools: bool
    hidden: np.ndarray
    hidden_bias: np.ndarray
    scale: np.ndarray
    classes: np.ndarray

    @classmethod
    def of(cls, model: keras.Model) -> "Head":
        """The head of a model of this project. Raises `ValueError` where a layer of it is missing."""
        hidden, bias = model.get_layer("hidden").get_weights()
        pools = entrance_of(model) == "pool"
        scale = _scale(model.get_layer("normalise")) if pools else np.ones(1)
        return cls(pools, hidden, bias, scale, model.get_layer("classes").get_weights()[0])

    def heat_maps(self, features: np.ndarray) -> np.ndarray:
        """Grad-CAM of every class: (n, rows, columns, channels) -> (n, rows, columns, classes) uint8, 255 at the most.

        Selvaraju et al. 2017, arXiv 1610.02391, equations 1 and 2: channels weighed by the mean gradient of the class
        score before softmax, negative sums cut off. The head is piecewise linear, so its gradient is a product of its
        weights: exact, for all classes at once, on any backend.
        """
        open_units = (self._before(features) > 0) * self.scale
        weights = np.einsum("cu,nu,uk->nck", self._mean_hidden(features), open_units, self.classes, optimize=True)
        maps = np.maximum(np.einsum("nhwc,nck->nhwk", features, weights, optimize=True), 0)
        most = maps.max(axis=(1, 2), keepdims=True, initial=0)
        return (255 * np.divide(maps, most, out=np.zeros_like(maps), where=most > 0)).round().astype(np.uint8)

    def _before(self, features: np.ndarray) -> np.ndarray:
        entering = features.mean(axis=(1, 2)) if self.pools else features.reshape(len(features), -1)
        return entering @ self.hidden + self.hidden_bias

    def _mean_hidden(self, features: np.ndarray) -> np.ndarray:
        """(channels, units): how a hidden unit moves with a channel, on average over the places of the map."""
        _, rows, columns, channels = features.shape
        return (
            self.hidden / (rows * columns)
            if self.pools
            else self.hidden.reshape(-1, channels, self.hidden.shape[1]).mean(axis=0)
        )


def entrance_of(model: keras.Model) -> str:
    """The name of the layer that the last feature map of a model of this project enters."""
    return "pool" if any(layer.name == "pool" for layer in model.layers) else "flatten"


def _scale(norm: keras.layers.BatchNormalization) -> np.ndarray:
    gamma, _, _, variance = norm.get_weights()
    return gamma / np.sqrt(variance + norm.epsilon)
