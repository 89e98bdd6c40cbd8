"""Every kind of layer that the ONNX writer knows gives the same values as Keras; others are refused."""

from collections.abc import Callable

import keras
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from core.analysis.statistics.temperature_scaling import calibrated
from core.backbones.backbone import PixelScaling
from core.learning.network.cut_points import CutPoint
from core.learning.network.engines.onnx_engine import run_onnx
from core.learning.network.frozen_part import build_frozen_part
from core.learning.network.onnx_writer import UnknownLayer, ensemble_to_onnx, model_to_onnx, to_onnx

SIZE, CHANNELS = 10, 4
SCALING = PixelScaling((58.4, 57.1, 57.4), (-2.1, -2.0, -1.8))

WRITTEN: dict[str, Callable[[], keras.Layer]] = {
    "convolution": lambda: layers.Conv2D(CHANNELS, 3, padding="same"),
    "convolution with swish": lambda: layers.Conv2D(CHANNELS, 3, activation="swish"),
    "convolution with sigmoid": lambda: layers.Conv2D(CHANNELS, 1, activation="sigmoid"),
    "convolution with stride": lambda: layers.Conv2D(CHANNELS, 3, strides=2, padding="same", activation="relu6"),
    "depthwise convolution": lambda: layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu"),
    "ReLU": layers.ReLU,
    "ReLU6": lambda: layers.ReLU(6.0),
    "swish": lambda: layers.Activation("swish"),
    "silu": lambda: layers.Activation("silu"),
    "sigmoid": lambda: layers.Activation("sigmoid"),
    "linear": lambda: layers.Activation("linear"),
    "padding": lambda: layers.ZeroPadding2D(((0, 1), (2, 3))),
    "normalisation": layers.BatchNormalization,
    "maximum": lambda: layers.MaxPooling2D(2),
    "rescaling": lambda: layers.Rescaling(0.5, offset=-1.0),
    "dropout": lambda: layers.Dropout(0.5),
}
REFUSED: dict[str, Callable[[], keras.Layer]] = {
    "leaky ReLU": lambda: layers.ReLU(negative_slope=0.1),
    "tanh": lambda: layers.Activation("tanh"),
    "convolution with tanh": lambda: layers.Conv2D(CHANNELS, 1, activation="tanh"),
    "reshape of a map": lambda: layers.Reshape((SIZE * SIZE, CHANNELS)),
    "upsampling": layers.UpSampling2D,
}


def squeeze_and_excite(x: keras.KerasTensor, keepdims: bool) -> keras.KerasTensor:
    """Scale the channels of a map by weights computed from their means (Hu et al. 2018, arXiv 1709.01507)."""
    channels = x.shape[-1]
    squeezed = layers.GlobalAveragePooling2D(keepdims=keepdims)(x)
    squeezed = squeezed if keepdims else layers.Reshape((1, 1, channels))(squeezed)
    excited = layers.Conv2D(channels, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="swish")(squeezed))
    return layers.Multiply()([x, excited])


def network(names: list[str], with_excitation: bool = False, keepdims: bool = False) -> keras.Model:
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(CHANNELS, 3, padding="same")(image)
    for name in names:
        x = (WRITTEN | REFUSED)[name]()(x)
    x = squeeze_and_excite(x, keepdims) if with_excitation else x
    return keras.Model(image, x)


def at_the_end(model: keras.Model) -> CutPoint:
    return CutPoint(model.layers[-1].name, len(model.layers), tuple(model.output.shape[1:]))


def expect_the_same(model: keras.Model) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    expected = model.predict(pixels / np.float32(SCALING.divisor) + np.float32(SCALING.offset), verbose=0)
    (features,) = run_onnx(to_onnx(model, [at_the_end(model)], SCALING))(pixels)
    np.testing.assert_allclose(features, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_layer_gives_the_values_of_keras(name):
    expect_the_same(network([name]))


@pytest.mark.parametrize("keepdims", [False, True])
def test_squeeze_and_excitation_gives_the_values_of_keras(keepdims):
    expect_the_same(network(["swish"], with_excitation=True, keepdims=keepdims))


@settings(max_examples=10)
@given(
    st.lists(st.sampled_from([name for name in WRITTEN if name != "maximum"]), min_size=2, max_size=3), st.booleans()
)
def test_layers_in_any_order_give_the_values_of_keras(names, with_excitation):
    expect_the_same(network(names, with_excitation))


@pytest.mark.parametrize("name", REFUSED)
def test_another_layer_is_refused_by_name_and_keras_computes_it(name):
    model = network([name])
    with pytest.raises(UnknownLayer, match=rf"received {type(model.layers[-1]).__name__} \({model.layers[-1].name}\)"):
        to_onnx(model, [at_the_end(model)], SCALING)
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    expected = model.predict(pixels / np.float32(SCALING.divisor) + np.float32(SCALING.offset), verbose=0)
    (features,) = build_frozen_part(model, [at_the_end(model)], 2, SCALING)(pixels)
    np.testing.assert_allclose(features, expected, atol=1e-5, rtol=1e-4)


def classifier(seed: int, base: keras.Model | None = None) -> keras.Model:
    """A network of three classes, on a frozen base if there is one."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((SIZE, SIZE, 3))
    x = base(image) if base else layers.Conv2D(CHANNELS, 3, activation="relu")(image)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


def test_an_ensemble_is_the_mean_of_the_calibrated_probabilities():
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    models, temperatures = [classifier(seed) for seed in range(3)], (1.0, 2.0, 0.5)
    scaled = [
        calibrated(model.predict(pixels.astype(np.float32), verbose=0), temperature)
        for model, temperature in zip(models, temperatures, strict=True)
    ]
    (mean,) = run_onnx(ensemble_to_onnx(list(zip(models, temperatures, strict=True))))(pixels)
    np.testing.assert_allclose(mean, np.mean(scaled, axis=0), atol=1e-5)
    np.testing.assert_allclose(mean.sum(axis=1), 1, atol=1e-5)


def test_what_the_members_of_an_ensemble_have_in_common_is_written_once():
    base = network(["convolution with swish", "normalisation", "ReLU6"])
    models = [classifier(seed, base) for seed in range(3)]
    single, shared = model_to_onnx(models[0]), ensemble_to_onnx([(model, 1.0) for model in models])
    other = ensemble_to_onnx([(classifier(seed), 1.0) for seed in range(3)])
    convolutions = [
        sum(node.op_type == "Conv" for node in onnx.load_from_string(graph).graph.node)
        for graph in (single, shared, other)
    ]
    assert convolutions == [2, 2, 3] and len(shared) < 1.5 * len(single)
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    expected = np.mean([model.predict(pixels.astype(np.float32), verbose=0) for model in models], axis=0)
    np.testing.assert_allclose(run_onnx(shared)(pixels)[0], expected, atol=1e-5)
