"""Cuts are found from the graph, and what lies below one is a pure function of the image."""

import keras
import numpy as np
import pytest

from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.data.sample_set.generate import SAMPLE_CLASSES, draw_image
from core.learning.network.backbone import build_base
from core.learning.network.cut_points import POOL, CutPoint, cut_point_for, find_cut_points
from core.learning.network.frozen_part import _through_keras, run_side_by_side
from core.learning.network.model import base_of, build_transfer_model
from core.learning.network.onnx_writer import UnknownLayer, to_onnx
from core.learning.network.trained_part import trained_part


def through_onnx_runtime(base, cuts):
    return run_side_by_side(to_onnx(base, cuts))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_transfer_model(10, 96, 0.35, "random")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.stack([np.asarray(draw_image(label, 5, 96)) for label in SAMPLE_CLASSES[:5]])


def expect_close(rows: np.ndarray, others: np.ndarray) -> None:
    assert rows.shape == others.shape and np.abs(rows - others).max() <= 2e-5 * np.abs(others).max()


def test_no_cut_lies_inside_a_residual_block():
    """Ten blocks of MobileNetV2 add their input to their output (Sandler et al. 2018, table 2)."""
    base = build_base(1.0, 224, "random")
    names = [cut.name for cut in find_cut_points(base)]
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
def test_the_course_depths_are_cut_where_the_facts_say(unfreeze, name, shape):
    cut = cut_point_for(build_base(1.0, 224, "random"), unfreeze)
    assert (cut and cut.name) == name
    assert shape is None or cut.shape == shape


@pytest.mark.parametrize(("alpha", "size"), [(0.35, 96), (1.4, 160)])
def test_every_depth_is_cut_below_what_trains_and_keeps_no_more_than_an_image(alpha, size):
    base = build_base(alpha, size, "random")
    for unfreeze in range(ALL_LAYERS + 1):
        cut = cut_point_for(base, unfreeze)
        if cut:
            assert cut.below <= ALL_LAYERS - unfreeze and 2 * np.prod(cut.shape) <= size * size * 3
            assert (cut.name == POOL) == (unfreeze == 0)


@pytest.mark.parametrize("unfreeze", [0, 3, 11, 30, 56, 100])
def test_trunk_and_the_model_above_it_are_the_model(model, images, unfreeze):
    base, cut = base_of(model), cut_point_for(base_of(model), unfreeze)
    expected = model.predict(images, verbose=0)
    for build in (through_onnx_runtime, lambda base, cuts: _through_keras(base, cuts, 2)):
        (rows,) = build(base, [cut])(images)
        assert rows.shape == (5, *cut.shape)
        np.testing.assert_allclose(trained_part(model, cut).predict(rows, verbose=0), expected, atol=1e-5)


def test_one_pass_gives_the_rows_of_all_cuts(model, images):
    base = base_of(model)
    cuts = [cut_point_for(base, unfreeze) for unfreeze in (0, 30, 11)]
    together = through_onnx_runtime(base, cuts)(images)
    for cut, rows, other in zip(cuts, together, _through_keras(base, cuts, 8)(images), strict=True):
        expect_close(rows, through_onnx_runtime(base, [cut])(images)[0])
        expect_close(rows, other)


def test_imagenet_weights_give_the_same_features_in_both_engines(imagenet_file, images):
    base = build_base(1.0, 96, str(imagenet_file))
    cuts = [cut_point_for(base, 0), cut_point_for(base, 30)]
    for one, two in zip(through_onnx_runtime(base, cuts)(images), _through_keras(base, cuts, 5)(images), strict=True):
        expect_close(one, two)


def test_the_model_above_a_cut_shares_its_weights_and_never_moves_statistics(model):
    cut = cut_point_for(base_of(model), 30)
    above = trained_part(model, cut)
    assert {id(weight) for weight in above.weights} <= {id(weight) for weight in model.weights}
    statistics = [weight for weight in base_of(model).non_trainable_weights if "moving" in weight.path]
    before = [weight.numpy() for weight in statistics]
    above(np.random.default_rng(0).normal(size=(4, *cut.shape)), training=True)
    assert all((old == weight.numpy()).all() for old, weight in zip(before, statistics, strict=True))


def test_a_layer_of_another_kind_is_refused():
    image = keras.Input((8, 8, 3))
    other = keras.Model(image, keras.layers.UpSampling2D()(image))
    with pytest.raises(UnknownLayer, match="Expected a layer of MobileNetV2; received UpSampling2D"):
        to_onnx(other, [CutPoint("x", 2, (16, 16, 3))])
