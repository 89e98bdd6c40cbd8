"""Weights on 8-bit steps that say what the weights said."""

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.learning.export.gptq import HIGHEST, quantise_kernel, rounded
from core.learning.network.model import base_of, build_transfer_model
from core.learning.network.small_cnn import build_small_cnn


def nearest(kernel: np.ndarray) -> np.ndarray:
    step = np.abs(kernel).max(axis=0) / HIGHEST
    return np.round(kernel / step) * step


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 20))
def test_all_weights_lie_on_the_steps_of_the_largest(seed, inputs, outputs):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(inputs, outputs)).astype(np.float32)
    found = quantise_kernel(kernel, rng.normal(size=(100, inputs)))
    np.testing.assert_allclose(np.abs(found).max(axis=0), np.abs(kernel).max(axis=0), rtol=1e-6)
    np.testing.assert_allclose(nearest(found), found, atol=1e-5), "so a converter changes nothing"


def test_a_fine_tuning_smaller_than_a_step_is_kept():
    rng = np.random.default_rng(0)
    before = nearest(rng.normal(size=(200, 30)))  # pretrained weights that lie on the steps
    tuned = before + 0.002 * rng.choice([-1, 1], size=before.shape[1])  # each output a little more, or a little less
    inputs = np.maximum(rng.normal(size=(3_000, 20)) @ rng.normal(size=(20, 200)), 0)  # as after a ReLU: alike

    def error(kernel: np.ndarray) -> float:
        return float(np.mean((inputs @ (kernel - tuned)) ** 2))

    assert error(quantise_kernel(tuned, inputs)) < 0.1 * error(nearest(tuned))


def test_a_rounded_model_is_a_copy_that_says_the_same():
    model = build_transfer_model(3, 96, 0.35, "random")
    pixels = np.random.default_rng(0).integers(0, 256, (16, 96, 96, 3), np.uint8)
    before = model.get_weights()
    copy = rounded(model, pixels)
    assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))
    np.testing.assert_allclose(copy.predict(pixels, verbose=0), model.predict(pixels, verbose=0), atol=0.05)
    kernel = base_of(copy).get_layer("Conv_1").get_weights()[0][0, 0]
    np.testing.assert_allclose(nearest(kernel), kernel, atol=1e-6)


def test_a_model_without_a_base_is_as_it_was():
    model = build_small_cnn(2, 96)
    assert isinstance(copy := rounded(model, np.zeros((1, 96, 96, 3), np.uint8)), keras.Model)
    assert all((one == other).all() for one, other in zip(model.get_weights(), copy.get_weights(), strict=True))
