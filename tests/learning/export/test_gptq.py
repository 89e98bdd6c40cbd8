"""Weights on 8-bit levels give nearly the same outputs as before."""

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.learning.export.gptq import MAX_LEVEL, quantise_kernel, quantise_model
from core.learning.network.model import base_of, build_transfer_model
from core.learning.network.small_cnn import build_small_cnn


def round_to_nearest(kernel: np.ndarray) -> np.ndarray:
    """Round each weight to its nearest level."""
    step = np.abs(kernel).max(axis=0) / MAX_LEVEL
    return np.round(kernel / step) * step


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 20))
def test_all_weights_are_on_levels_set_by_the_largest(seed, inputs, outputs):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(inputs, outputs)).astype(np.float32)
    quantised = quantise_kernel(kernel, rng.normal(size=(100, inputs)))
    np.testing.assert_allclose(np.abs(quantised).max(axis=0), np.abs(kernel).max(axis=0), rtol=1e-6)
    np.testing.assert_allclose(round_to_nearest(quantised), quantised, atol=1e-5)  # a converter changes nothing


def test_a_fine_tuning_smaller_than_a_step_survives():
    rng = np.random.default_rng(0)
    pretrained = round_to_nearest(rng.normal(size=(200, 30)))
    tuned = pretrained + 0.002 * rng.choice([-1, 1], size=pretrained.shape[1])  # each output changes a little
    inputs = np.maximum(rng.normal(size=(3_000, 20)) @ rng.normal(size=(20, 200)), 0)  # correlated, as after a ReLU

    def error(kernel: np.ndarray) -> float:
        return float(np.mean((inputs @ (kernel - tuned)) ** 2))

    assert error(quantise_kernel(tuned, inputs)) < 0.1 * error(round_to_nearest(tuned))


def test_a_quantised_model_is_a_copy_with_nearly_the_same_outputs():
    model = build_transfer_model(3, 96, 0.35, "random")
    pixels = np.random.default_rng(0).integers(0, 256, (16, 96, 96, 3), np.uint8)
    before = model.get_weights()
    copy = quantise_model(model, pixels)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    np.testing.assert_allclose(copy.predict(pixels, verbose=0), model.predict(pixels, verbose=0), atol=0.05)
    kernel = base_of(copy).get_layer("Conv_1").get_weights()[0][0, 0]
    np.testing.assert_allclose(round_to_nearest(kernel), kernel, atol=1e-6)


def test_a_model_without_a_base_is_unchanged():
    model = build_small_cnn(2, 96)
    assert isinstance(copy := quantise_model(model, np.zeros((1, 96, 96, 3), np.uint8)), keras.Model)
    assert all((a == b).all() for a, b in zip(model.get_weights(), copy.get_weights(), strict=True))
