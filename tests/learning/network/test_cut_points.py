"""Cut points are found from the graph, and the layers below one are a pure function of the image."""

import keras
import numpy as np
import pytest

from core.backbones.registry import DEFAULT_BASE
from core.data.sample_set.generate import SAMPLE_CLASSES, draw_image
from core.experiment.strategy import ALL_LAYERS
from core.learning.network.base import build_base
from core.learning.network.cut_points import POOL, CutPoint, cut_point_for, find_cut_points
from core.learning.network.engines.keras_engine import run_keras as run_base_in_keras
from core.learning.network.engines.onnx_engine import run_in_parallel
from core.learning.network.model import base_of, build_transfer_model
from core.learning.network.onnx_writer import UnknownLayer, to_onnx
from core.learning.network.trained_part import trained_part


def run_onnx_runtime(base, cut_points):
    return run_in_parallel(to_onnx(base, cut_points, DEFAULT_BASE.scaling))


def run_keras(base, cut_points, batch_size):
    return run_base_in_keras(base, cut_points, batch_size, DEFAULT_BASE.scaling)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_transfer_model(10, 96, 0.35, "random")


@pytest.fixture(scope="module")
def full_base() -> keras.Model:
    """The base at its full width and default image size, whose shapes the papers give."""
    return build_base(DEFAULT_BASE, 1.0, 224, "random")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.stack([np.asarray(draw_image(label, 5, 96)) for label in SAMPLE_CLASSES[:5]])


@pytest.fixture(scope="module")
def probabilities(model, images) -> np.ndarray:
    return model.predict(images, verbose=0)


def expect_close(features: np.ndarray, expected: np.ndarray) -> None:
    assert features.shape == expected.shape and np.abs(features - expected).max() <= 2e-5 * np.abs(expected).max()


def test_no_cut_point_lies_inside_a_residual_block(full_base):
    """Ten blocks of MobileNetV2 add their input to their output (Sandler et al. 2018, table 2)."""
    names = [cut.name for cut in find_cut_points(full_base)]
    for block in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15):
        assert [name for name in names if name.startswith(f"block_{block}_")] == [f"block_{block}_add"]
    for block in (1, 3, 6, 10, 13, 16):
        assert f"block_{block}_depthwise" in names and f"block_{block}_project_BN" in names
    assert names[-1] == POOL and names[-2] == "out_relu"


@pytest.mark.parametrize(
    ("unfreeze", "name", "shape"),
    [
        (0, POOL, (1280,)),
        (1, "Conv_1_bn", None),
        (3, "block_16_project_BN", (7, 7, 320)),
        (11, "block_15_add", (7, 7, 160)),
        (30, "block_13_project", (7, 7, 160)),
        (38, "block_12_add", (14, 14, 96)),
        (56, "block_10_project_BN", (14, 14, 96)),
        (109, "block_4_add", (28, 28, 32)),
        (145, None, None),
        (ALL_LAYERS, None, None),
    ],
)
def test_each_depth_has_the_expected_cut_point(full_base, unfreeze, name, shape):
    cut = cut_point_for(full_base, unfreeze)
    assert (cut and cut.name) == name
    assert shape is None or cut.shape == shape


@pytest.mark.parametrize(("alpha", "size"), [(0.35, 96), (1.4, 160)])
def test_every_cut_point_is_below_the_trained_layers_and_no_larger_than_an_image(alpha, size):
    base = build_base(DEFAULT_BASE, alpha, size, "random")
    for unfreeze in range(DEFAULT_BASE.layers + 1):
        cut = cut_point_for(base, unfreeze)
        if cut:
            assert cut.layers_below <= DEFAULT_BASE.layers - unfreeze and 2 * np.prod(cut.shape) <= size * size * 3
            assert (cut.name == POOL) == (unfreeze == 0)


@pytest.mark.parametrize("unfreeze", [0, 3, 11, 30, 56, 100])
def test_frozen_part_and_trained_part_together_are_the_model(model, images, probabilities, unfreeze):
    base, cut = base_of(model), cut_point_for(base_of(model), unfreeze)
    network = trained_part(model, cut)
    for build in (run_onnx_runtime, lambda base, cut_points: run_keras(base, cut_points, 2)):
        (features,) = build(base, [cut])(images)
        assert features.shape == (5, *cut.shape)
        np.testing.assert_allclose(network.predict(features, verbose=0), probabilities, atol=1e-5)


def test_one_pass_gives_the_features_at_all_cut_points(model, images):
    base = base_of(model)
    cut_points = [cut_point_for(base, unfreeze) for unfreeze in (0, 30, 11)]
    in_onnx, in_keras = run_onnx_runtime(base, cut_points)(images), run_keras(base, cut_points, 8)(images)
    for cut, features, expected in zip(cut_points, in_onnx, in_keras, strict=True):
        expect_close(features, run_onnx_runtime(base, [cut])(images)[0])
        expect_close(features, expected)


def test_imagenet_weights_give_the_same_features_in_both_engines(imagenet_file, images):
    base = build_base(DEFAULT_BASE, 1.0, 96, str(imagenet_file))
    cut_points = [cut_point_for(base, 0), cut_point_for(base, 30)]
    in_onnx, in_keras = run_onnx_runtime(base, cut_points)(images), run_keras(base, cut_points, 5)(images)
    for features, expected in zip(in_onnx, in_keras, strict=True):
        expect_close(features, expected)


def test_the_trained_part_shares_weights_with_the_model_and_never_changes_statistics(model):
    cut = cut_point_for(base_of(model), 30)
    network = trained_part(model, cut)
    assert {id(weight) for weight in network.weights} <= {id(weight) for weight in model.weights}
    statistics = [weight for weight in base_of(model).non_trainable_weights if "moving" in weight.path]
    before = [weight.numpy() for weight in statistics]
    network(np.random.default_rng(0).normal(size=(4, *cut.shape)), training=True)
    assert all((old == weight.numpy()).all() for old, weight in zip(before, statistics, strict=True))


def test_a_layer_of_another_type_is_refused():
    image = keras.Input((8, 8, 3))
    other = keras.Model(image, keras.layers.UpSampling2D()(image))
    with pytest.raises(UnknownLayer, match="can be written as ONNX; received UpSampling2D"):
        to_onnx(other, [CutPoint("x", 2, (16, 16, 3))], DEFAULT_BASE.scaling)
