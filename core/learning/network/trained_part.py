"""The part of a model above a cut point: what a phase trains on cached features."""

import keras
from keras import layers

from core.learning.network.base import always_infer
from core.learning.network.cut_points import POOL, CutPoint
from core.learning.network.model import base_of


def trained_part(model: keras.Model, cut_point: CutPoint | None) -> keras.Model:
    """Return the part of a model above a cut point, from features there to (n, classes) probabilities.

    It shares its layers with the model. With None it is the model itself.
    """
    if cut_point is None:
        return model
    inputs, _, probabilities = _tensors_above(model, cut_point)
    return keras.Model(inputs, probabilities, name="trained_part")


def trained_part_with_features(model: keras.Model, cut_point: CutPoint | None) -> keras.Model:
    """Return the same part with two outputs: the pooled last feature map (n, channels), and the probabilities."""
    inputs, features, probabilities = _tensors_above(model, cut_point)
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D(name="average")(features)
    return keras.Model(inputs, [features, probabilities], name="trained_part_with_features")


def _tensors_above(model: keras.Model, cut_point: CutPoint | None) -> tuple[keras.KerasTensor, ...]:
    """Return the input (features at the cut point, or images), the features of the head, and the probabilities.

    The features of the head are the input of its first dense layer, before flattening if the model flattens them.
    """
    inputs = keras.Input(model.input_shape[1:] if cut_point is None else cut_point.shape, name="features")
    x, entering = inputs, {}
    for layer in _layers_above(model, cut_point):
        entering[layer.name] = x
        x = layer(x)
    return inputs, entering.get("flatten", entering["hidden"]), x


def _layers_above(model: keras.Model, cut_point: CutPoint | None) -> list[keras.Layer]:
    all_layers: list[keras.Layer] = model.layers
    if cut_point is None:
        return all_layers[1:]
    base = base_of(model)
    head = all_layers[all_layers.index(base) + 1 :]
    return head[1:] if cut_point.name == POOL else [_upper_base(base, cut_point), *head]


def _upper_base(base: keras.Model, cut_point: CutPoint) -> keras.Model:
    upper = keras.Model(base.layers[cut_point.layers_below - 1].output, base.output, name="upper_base")
    always_infer(upper)
    return upper
