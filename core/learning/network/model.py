"""The network that a run trains: scaling of the pixels - pretrained base - head, all in one model."""

import math

import keras
from keras import layers

from core.backbones.registry import DEFAULT_BASE, backbone
from core.experiment.parameter_counts import HEAD_DROPOUT
from core.experiment.run_config import RunConfig
from core.experiment.strategy import ALL_LAYERS, FROM_SCRATCH, expect_integer
from core.learning.head.head_layers import build_head
from core.learning.head.head_weights import HeadWeights, head_of, initial_head
from core.learning.network.base import BASE_NAME, always_infer, build_base
from core.learning.network.small_cnn import build_small_cnn


def build_transfer_model(
    classes: int,
    image_size: int = 224,
    alpha: float = 1.0,
    weights: str = "imagenet",
    seed: int = 0,
    base: str = DEFAULT_BASE.name,
    dropout: float = HEAD_DROPOUT,
) -> keras.Model:
    """Build a model from (n, image_size, image_size, 3) RGB values in 0..255 to (n, classes) probabilities.

    The base is frozen. Raises `UnknownBase`, and `WeightsError` if the weights are not available.
    """
    network = backbone(base)
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((image_size, image_size, 3), name="pixels")
    x = layers.Rescaling(network.scaling.scale, network.scaling.offset, name="rescale")(pixels)
    x = build_base(network, alpha, image_size, weights)(x, training=False)
    model = keras.Model(pixels, build_head(x, classes, dropout), name="transfer_model")
    assign_head(model, initial_head(x.shape[-1], classes, seed))
    unfreeze_layers(model, 0)
    return model


def build_model(config: RunConfig, classes: int) -> keras.Model:
    """Build the network that a run trains: the base with its head, or the baseline.

    Raises `UnknownBase`, `WeightsError`.
    """
    if config.strategy.is_from_scratch:
        return build_small_cnn(classes, config.image_size, config.seed, config.dropout)
    return build_transfer_model(
        classes, config.image_size, config.alpha, config.weights, config.seed, config.base, config.dropout
    )


def base_of(model: keras.Model) -> keras.Model | None:
    """Return the pretrained base of a model; None if it has none."""
    return next((layer for layer in model.layers if layer.name == BASE_NAME), None)


def read_head(model: keras.Model) -> HeadWeights:
    """Return a copy of the weights of a model's head."""
    return head_of([keras.ops.convert_to_numpy(weight) for weight in _head_variables(model)]).copy()


def assign_head(model: keras.Model, head: HeadWeights) -> None:
    """Set the weights of a model's head."""
    for variable, array in zip(_head_variables(model), head, strict=True):
        variable.assign(array)


def _head_variables(model: keras.Model) -> list[keras.Variable]:
    return list(model.weights[-len(HeadWeights._fields) :])


def in_float32(model: keras.Model) -> keras.Model:
    """Return the model itself, or a float32 copy if it was trained in mixed precision.

    A model is saved, evaluated and exported in float32, so that its results do not depend on the machine.
    """
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model
    copy = keras.models.clone_model(model, clone_function=_layer_in_float32, recursive=True)
    copy.set_weights(model.get_weights())
    if base_of(copy) is not None:
        always_infer(base_of(copy))
    return copy


def _layer_in_float32(layer: keras.Layer) -> keras.Layer:
    return type(layer).from_config(layer.get_config() | {"dtype": "float32"})


def unfreeze_layers(model: keras.Model, unfreeze: int) -> None:
    """Make exactly the head and the top `unfreeze` layers of the base trainable. Compile afterwards.

    A model without a base takes only `FROM_SCRATCH` and stays as it is. Raises `ValueError` for any other value, and
    for a model with a base unless `unfreeze` is at most its number of layers, or `ALL_LAYERS`.
    """
    base = base_of(model)
    if base is None:
        expect_integer("unfreeze (of a model without a base)", unfreeze, FROM_SCRATCH, FROM_SCRATCH)
        return
    unfreeze = len(base.layers) if unfreeze == ALL_LAYERS else unfreeze
    expect_integer("unfreeze (layers of the base, from its top)", unfreeze, 0, len(base.layers))
    base.trainable = True
    boundary = len(base.layers) - unfreeze  # counted from the front: a slice [-0:] would be all layers
    for number, layer in enumerate(base.layers):
        layer.trainable = number >= boundary


def count_trainable(model: keras.Model) -> int:
    """Count the parameters that are trainable now."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)
