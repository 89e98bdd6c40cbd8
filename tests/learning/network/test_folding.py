"""A folded network has the outputs, gradients and variables of the network that it was made from."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from core.experiment.strategy import ALL_LAYERS, Phase
from core.learning.network.base import always_infer
from core.learning.network.cut_points import cut_point_for
from core.learning.network.folding import FoldedConvolution, fold
from core.learning.network.model import base_of, build_transfer_model, unfreeze_layers
from core.learning.network.small_cnn import build_small_cnn
from core.learning.network.trained_part import trained_part
from core.learning.training.keras_phase import compile_phase

LABELS = np.arange(4)


@pytest.fixture(scope="module", autouse=True)
def float64() -> Iterator[None]:
    """Compute in 64 bits: in 32, rounding decides whether an activation near 0 or 6 has a gradient."""
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    model = build_transfer_model(10, 96, 0.35, "sample")
    model.get_layer("dropout").rate = 0.0
    return model


def inputs_of(network: keras.Model) -> np.ndarray:
    scale = 255 if network.input_shape[-1] == 3 else 1
    return scale * np.random.default_rng(0).random((4, *network.input_shape[1:]), np.float32)


def outputs_and_gradients(network: keras.Model) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        outputs = network(inputs_of(network), training=True)
        loss = keras.losses.sparse_categorical_crossentropy(LABELS, outputs)
    return [array.numpy() for array in (outputs, *tape.gradient(loss, network.trainable_weights))]


def expect_equal(network: keras.Model, folded: keras.Model) -> None:
    for variables in ("trainable_variables", "non_trainable_variables"):
        expected = [id(variable) for variable in getattr(network, variables)]
        assert sorted(id(variable) for variable in getattr(folded, variables)) == sorted(expected)
    assert [id(v) for v in folded.trainable_variables] == [id(v) for v in network.trainable_variables]
    for array, expected in zip(outputs_and_gradients(folded), outputs_and_gradients(network), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def count_folded(network: keras.Model) -> int:
    bases = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    return sum(isinstance(layer, FoldedConvolution) for base in bases for layer in base.layers)


@pytest.mark.parametrize(("unfreeze", "folded_layers"), [(3, 1), (11, 4), (30, 10), (40, 16), (ALL_LAYERS, 52)])
def test_a_folded_part_has_equal_outputs_gradients_and_variables(model, unfreeze, folded_layers):
    unfreeze_layers(model, unfreeze)
    network = trained_part(model, cut_point_for(base_of(model), min(unfreeze, 154)))
    folded = fold(network)
    assert count_folded(folded) == folded_layers
    expect_equal(network, folded)


def test_training_a_folded_part_never_changes_the_statistics_of_the_base(model):
    folded = compile_phase(model, Phase(30, 1e-3, 1), cut_point_for(base_of(model), 30))
    assert count_folded(folded) == 10
    statistics = [variable for variable in base_of(model).variables if "moving" in variable.path]
    before, output = [variable.numpy() for variable in statistics], base_of(model).layers[-2].gamma.numpy()
    folded.train_on_batch(inputs_of(folded), LABELS)
    assert all((old == variable.numpy()).all() for old, variable in zip(before, statistics, strict=True))
    assert (base_of(model).layers[-2].gamma.numpy() != output).any()


@pytest.fixture
def unusual_base() -> keras.Model:
    """Convolutions of all kinds that can be folded, and five that cannot."""
    image = keras.Input((12, 12, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, strides=2)(image))
    x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x))
    x = layers.BatchNormalization()(layers.Conv2D(8, 1, strides=2)(x))
    x = layers.BatchNormalization()(layers.Conv2D(8, 1, groups=2, use_bias=False)(x))
    twice = layers.Conv2D(8, 1)(x)
    x = layers.Add()([twice, layers.BatchNormalization()(twice)])
    x = layers.BatchNormalization()(layers.Conv2D(8, 1, activation="relu")(x))
    x = layers.BatchNormalization(scale=False)(layers.Conv2D(8, 1)(x))
    x = layers.BatchNormalization(center=False)(layers.Conv2D(8, 1)(x))
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, dilation_rate=2, padding="same")(x))
    base = keras.Model(image, x, name="unusual")
    random = np.random.default_rng(1)
    base.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in base.weights])
    always_infer(base)
    return base


def test_what_cannot_be_folded_stays(unusual_base):
    image = keras.Input((12, 12, 3))
    x = layers.GlobalAveragePooling2D()(unusual_base(image))
    network = keras.Model(image, layers.Dense(10, activation="softmax", kernel_initializer="zeros")(x))
    folded = fold(network)
    assert count_folded(folded) == 4
    expect_equal(network, folded)


def test_a_network_without_a_base_is_returned_unchanged():
    network = build_small_cnn(10, 96, 0)
    assert fold(network) is network
