"""The network has the layers, parameters and weights that the pages show."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from core.backbones.layer_table import layer_table
from core.backbones.registry import DEFAULT_BASE, backbones
from core.backbones.weights_file import WeightsError
from core.data.sample_set.generate import SAMPLE_CLASSES, draw_image
from core.experiment.named_strategies import BASELINE, FEATURE_EXTRACTION
from core.experiment.parameter_counts import head_parameters, total_parameters, trainable_parameters
from core.experiment.run_config import RunConfig
from core.experiment.strategy import ALL_LAYERS
from core.learning.network.model import (
    base_of,
    build_model,
    build_transfer_model,
    count_trainable,
    in_float32,
    unfreeze_layers,
)
from tools.write_layer_table import write_table


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_transfer_model(10, 96, 0.35, "random")


@pytest.mark.slow
@pytest.mark.parametrize("base", backbones().values(), ids=backbones())
def test_the_stored_layer_table_matches_the_models(base, tmp_path):
    write_table(base, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == base.layer_table.read_text()
    assert len(layer_table(base, base.default_width)) == base.layers


@pytest.mark.faults
@pytest.mark.parametrize("unfreeze", [0, 1, 11, 30, DEFAULT_BASE.layers, ALL_LAYERS])
def test_exactly_the_requested_layers_are_unfrozen(model, unfreeze):
    unfreeze_layers(model, unfreeze)
    unfrozen = [layer.name for layer in base_of(model).layers if layer.trainable]
    assert unfrozen == [layer.name for layer in base_of(model).layers][max(0, DEFAULT_BASE.layers - unfreeze) :]
    assert count_trainable(model) == trainable_parameters(DEFAULT_BASE, 0.35, 10, unfreeze)


def test_after_freezing_again_only_the_head_trains(model):
    unfreeze_layers(model, ALL_LAYERS)
    unfreeze_layers(model, 0)
    assert count_trainable(model) == head_parameters(DEFAULT_BASE, 0.35, 10)[1]


def test_all_parameters_are_counted(model):
    assert model.count_params() == total_parameters(DEFAULT_BASE, 0.35, 10)


@pytest.mark.parametrize("unfreeze", [-1, DEFAULT_BASE.layers + 1, ALL_LAYERS + 1, True, 3.0])
def test_impossible_depths_are_refused(model, unfreeze):
    with pytest.raises(ValueError, match=r"Expected unfreeze.*received"):
        unfreeze_layers(model, unfreeze)


def test_the_base_never_changes_its_statistics_even_in_training_mode(model):
    unfreeze_layers(model, ALL_LAYERS)
    initial = model.get_weights()
    before = [weight.numpy() for weight in base_of(model).non_trainable_weights]
    model(np.random.default_rng(0).integers(0, 255, (4, 96, 96, 3), np.uint8), training=True)
    for old, weight in zip(before, base_of(model).non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, weight.numpy())
    model.set_weights(initial)  # the head has changed its own


def test_same_seed_same_initial_weights(model):
    again = build_transfer_model(10, 96, 0.35, "random", seed=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def features(model: keras.Model, *seeds: int) -> np.ndarray:
    """Compute the pooled features of one image per seed of each class of the sample set."""
    images = np.stack([draw_image(label, seed, 96) for label in SAMPLE_CLASSES for seed in seeds])
    return call(base_of(model), images.astype("float32") / 127.5 - 1).mean(axis=(1, 2))


def call(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The outputs for a few images; `predict` would compile the model first, which takes a second."""
    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.mark.parametrize("strategy", [FEATURE_EXTRACTION, BASELINE])
def test_the_dropout_changes_the_share_only(strategy):
    config = RunConfig(strategy=strategy, image_size=96, alpha=0.35, weights="random")
    default, less = (build_model(replace(config, dropout=dropout), 10) for dropout in (0.5, 0.2))
    layers = [model.get_layer("dropout") for model in (default, less)]
    assert [layer.rate for layer in layers] == [0.5, 0.2] and layers[0].seed == layers[1].seed
    assert all(np.array_equal(a, b) for a, b in zip(default.get_weights(), less.get_weights(), strict=True))


def test_a_random_base_still_distinguishes_images(model):
    assert features(model, 99).std(axis=0).mean() > 0.05


def test_imagenet_weights_are_loaded_from_a_file(imagenet_file):
    model = build_transfer_model(6, 96, 1.0, str(imagenet_file))
    kernel = base_of(model).get_layer("Conv1").get_weights()[0]
    assert 0.05 < kernel.std() < 1.0 and layer_table(DEFAULT_BASE, 1.0)[1].parameters == kernel.size


def test_the_sample_base_loads_and_differs_from_a_random_one(model):
    sample, again = (build_transfer_model(10, 96, 0.35, "sample") for _ in range(2))
    found = features(sample, 0, 1)
    assert np.isfinite(found).all() and not np.allclose(found, features(model, 0, 1), atol=0.1)
    np.testing.assert_array_equal(features(again, 0, 1), found)


@pytest.mark.faults
@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays[:-1],
        lambda arrays: [arrays[0][:, :1], *arrays[1:]],
        lambda arrays: [arrays[0] * np.nan, *arrays[1:]],
    ],
    ids=["one is missing", "another shape", "not a number"],
)
def test_arrays_that_do_not_fit_raise_a_one_line_error(tmp_path, change):
    with np.load(DEFAULT_BASE.sample.file) as file:
        arrays = change([file[name] for name in sorted(file.files)])
    np.savez(tmp_path / "mine.npz", **{f"{number:03d}": array for number, array in enumerate(arrays)})
    with pytest.raises(WeightsError, match=r"^Expected the weights of MobileNetV2 .* alpha 0.35; received") as caught:
        build_transfer_model(6, 96, 0.35, str(tmp_path / "mine.npz"))
    assert "\n" not in str(caught.value)


def test_weights_of_another_width_raise_a_one_line_error(imagenet_file):
    with pytest.raises(WeightsError, match=r"Expected the weights of MobileNetV2 at alpha 0.35; received") as caught:
        build_transfer_model(6, 96, 0.35, str(imagenet_file))
    assert "the weights of MobileNetV2 at alpha 1.0." in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_with_missing_weights_is_refused(tmp_path):
    path = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(path)
    with pytest.raises(WeightsError, match=r"received .*other"):
        build_transfer_model(6, 96, 0.35, str(path))


def test_a_mixed_precision_model_gives_the_same_results_in_float32():
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3))
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_transfer_model(3, 96, 0.35, "random")
    finally:
        keras.config.set_dtype_policy(before)
    copy = in_float32(model)
    assert all(layer.compute_dtype == "float32" for layer in [*copy.layers, *base_of(copy).layers])
    assert all((a == b).all() for a, b in zip(model.get_weights(), copy.get_weights(), strict=True))
    np.testing.assert_allclose(call(copy, images), call(model, images), atol=0.1)
    assert in_float32(copy) is copy
