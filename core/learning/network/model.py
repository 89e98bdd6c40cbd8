"""The network: rescaling to [-1, 1] - pretrained base - head, all in one model; and its part above a cut."""

import math

import keras
from keras import layers

from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.experiment.run_config import RunConfig
from core.experiment.strategy import FROM_SCRATCH, expect_integer
from core.learning.network.backbone import BASE_NAME, always_infer, build_base
from core.learning.network.head import build_head
from core.learning.network.small_cnn import build_small_cnn


def build_transfer_model(
    classes: int, image_size: int = 224, alpha: float = 1.0, weights: str = "imagenet", seed: int = 0
) -> keras.Model:
    """A model from (n, image_size, image_size, 3) RGB values in 0..255 to (n, classes) probabilities, base frozen.

    Raises `WeightsError` where the weights cannot be had.
    """
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((image_size, image_size, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(pixels)
    x = build_base(alpha, image_size, weights)(x, training=False)
    model = keras.Model(pixels, build_head(x, classes, seed), name="transfer_model")
    unfreeze_layers(model, 0)
    return model


def build_model(config: RunConfig, classes: int) -> keras.Model:
    """The network that a run trains: the base with its head, or the baseline. Raises `WeightsError`."""
    if config.strategy.is_from_scratch:
        return build_small_cnn(classes, config.image_size, config.seed)
    return build_transfer_model(classes, config.image_size, config.alpha, config.weights, config.seed)


def base_of(model: keras.Model) -> keras.Model | None:
    """The pretrained part of a model; None for one that has none."""
    return next((layer for layer in model.layers if layer.name == BASE_NAME), None)


def in_float32(model: keras.Model) -> keras.Model:
    """The model itself, or the same in 32 bits where it was trained in 16: what is saved, judged and exported computes
    alike on every machine.
    """
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model
    whole = keras.models.clone_model(model, clone_function=_layer_in_float32, recursive=True)
    whole.set_weights(model.get_weights())
    if base_of(whole) is not None:
        always_infer(base_of(whole))
    return whole


def _layer_in_float32(layer: keras.Layer) -> keras.Layer:
    return type(layer).from_config(layer.get_config() | {"dtype": "float32"})


def unfreeze_layers(model: keras.Model, unfreeze: int) -> None:
    """Let exactly the top `unfreeze` layers of the base train, and the head. Compile afterwards.

    `FROM_SCRATCH` leaves a model as it is that has no base. Raises `ValueError` unless the model has a base and
    0 <= unfreeze <= `ALL_LAYERS`, or neither.
    """
    base = base_of(model)
    if base is None:
        expect_integer("unfreeze (of a model without a base)", unfreeze, FROM_SCRATCH, FROM_SCRATCH)
        return
    expect_integer("unfreeze (layers of the base, from its top)", unfreeze, 0, ALL_LAYERS)
    base.trainable = True
    boundary = len(base.layers) - unfreeze  # counted from the front: a slice [-0:] would be everything
    for number, layer in enumerate(base.layers):
        layer.trainable = number >= boundary


def count_trainable(model: keras.Model) -> int:
    """Parameters that train as the model stands."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)
