"""The part of a model above a cut point: what a phase trains on cached features."""

import keras
from keras import layers

from core.learning.network.backbone import always_infer
from core.learning.network.cut_points import POOL, CutPoint
from core.learning.network.model import base_of


def trained_part(model: keras.Model, cut: CutPoint | None) -> keras.Model:
    """The part of a model above a cut, from rows there to (n, classes) probabilities; its layers are the model's own.

    None gives the model itself.
    """
    if cut is None:
        return model
    rows, _, probabilities = _tensors_above(model, cut)
    return keras.Model(rows, probabilities, name="model_above")


def trained_part_with_features(model: keras.Model, cut: CutPoint | None) -> keras.Model:
    """The same to ((n, channels) the last feature map, averaged over the image, (n, classes) probabilities)."""
    rows, features, probabilities = _tensors_above(model, cut)
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D(name="average")(features)
    return keras.Model(rows, [features, probabilities], name="described_above")


def _tensors_above(model: keras.Model, cut: CutPoint | None) -> tuple[keras.KerasTensor, ...]:
    """The rows at a cut, or the images; what enters the first dense layer, still as a map if it can be; what leaves."""
    rows = keras.Input(model.input_shape[1:] if cut is None else cut.shape, name="rows")
    x, entering = rows, {}
    for part in _parts_above(model, cut):
        entering[part.name] = x
        x = part(x)
    return rows, entering.get("flatten", entering["hidden"]), x


def _parts_above(model: keras.Model, cut: CutPoint | None) -> list[keras.Layer]:
    if cut is None:
        return model.layers[1:]
    head = model.layers[model.layers.index(base_of(model)) + 1 :]
    return head[1:] if cut.name == POOL else [_upper_base(base_of(model), cut), *head]


def _upper_base(base: keras.Model, cut: CutPoint) -> keras.Model:
    upper = keras.Model(base.layers[cut.below - 1].output, base.output, name="upper_base")
    always_infer(upper)
    return upper
