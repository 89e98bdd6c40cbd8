"""Features of the frozen layers are computed once, and training on them equals training through the whole model."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import count, islice

import keras
import numpy as np
import pytest

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.split import split
from core.experiment.named_strategies import unfreeze_sweep
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.training_data import TrainingData, load_data
from core.learning.network.model import base_of
from core.learning.network.run_network import RunNetwork
from core.learning.network.trained_part import trained_part
from core.learning.training.evaluation import evaluate
from core.learning.training.loop import train

pytestmark = pytest.mark.faults


@pytest.fixture
def feature_cache(tmp_path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache", budget=10**9)


@pytest.fixture
def config(tiny_config) -> RunConfig:
    """Feature extraction for two epochs, then the top 20 layers for one, on two augmented copies per image."""
    phases = (Phase(0, 1e-4, 2), Phase(20, 1e-5, 1))
    return replace(tiny_config, strategy=Strategy("tiny", phases), views=2, kept_precision="float32")


class RunParts:
    """The parts of one run, open to inspection."""

    def __init__(
        self, config: RunConfig, dataset, feature_cache: FeatureCache | None, later_depths: Collection[int] = ()
    ) -> None:
        self.config, self.warnings = config, []
        self.network = RunNetwork(config, 10)
        manifest = split(dataset, config.split_seed)
        run_cache = RunCache(feature_cache, len(manifest.items), self.warnings.append)
        self.data: TrainingData = load_data(manifest, dataset.root, config.image_size, run_cache)
        self.frozen_features = FrozenFeatures(config, self.network, run_cache, later_depths)

    @property
    def model(self) -> keras.Model:
        return self.network.model

    def train(self) -> list[dict]:
        outcome = train(self.config, self.network, self.data, lambda row: None, frozen_features=self.frozen_features)
        return list(outcome.rows)

    def inputs(self) -> Iterator[np.ndarray]:
        """What the network is trained on and checked with in each phase and epoch."""
        images, epochs = self.data, count()
        for number, phase in enumerate(self.config.strategy.phases, start=1):
            training = self.frozen_features.training_inputs(images.train, number)
            for epoch in islice(epochs, phase.epochs):
                yield training(np.arange(len(images.train)), epoch)
            validation = self.frozen_features.validation_inputs(images.validation, number)
            yield validation(np.arange(len(images.validation)), 0)


def expect_equal_inputs(cached: RunParts, alone: RunParts) -> None:
    """Check that training is the same whether features are read or computed: it differs in nothing but its inputs."""
    for read, computed in zip(cached.inputs(), alone.inputs(), strict=True):
        np.testing.assert_array_equal(read, computed)


def test_one_pass_caches_the_features_for_the_other_depths_of_a_study(config, tiny_dataset, feature_cache):
    sweep = [replace(config, strategy=strategy) for strategy in unfreeze_sweep([0, 11, 26], *config.strategy.phases)]
    later_depths = sweep[0].depths_of_similar_runs(sweep[1:])
    assert later_depths == {0, 11, 26} and not sweep[0].depths_of_similar_runs([replace(sweep[1], seed=5)])
    first = RunParts(sweep[0], tiny_dataset, feature_cache, later_depths)
    first.train()
    assert first.frozen_features.images_computed > 0
    for config in sweep[1:]:
        cached, alone = RunParts(config, tiny_dataset, feature_cache), RunParts(config, tiny_dataset, None)
        expect_equal_inputs(cached, alone)
        assert cached.frozen_features.images_computed == 0 < alone.frozen_features.images_computed


def losses(rows: list[dict]) -> np.ndarray:
    return np.array([(row["loss"], row["val_loss"]) for row in rows])


def test_losses_are_the_same_with_and_without_the_feature_cache(config, tiny_dataset, feature_cache):
    cached = RunParts(config, tiny_dataset, feature_cache)
    whole = RunParts(replace(config, reuse=False), tiny_dataset, None)
    cached_rows, whole_rows = cached.train(), whole.train()
    np.testing.assert_allclose(losses(cached_rows), losses(whole_rows), rtol=1e-4)
    assert whole.frozen_features.cut_point(2) is None, "phase 2 trains through the whole model"
    probabilities = evaluate(cached.network, cached.data, 8, cached.frozen_features).probabilities
    np.testing.assert_allclose(probabilities, evaluate(cached.model, cached.data, 8).probabilities, atol=1e-5)


def test_layers_frozen_again_after_training_are_computed_with_their_new_weights(config, tiny_dataset, feature_cache):
    down = Strategy("down", (Phase(11, 1e-4, 1), Phase(0, 1e-4, 1)))
    run = RunParts(replace(config, strategy=down), tiny_dataset, feature_cache)
    numbers = np.arange(len(run.data.validation))
    run.frozen_features.validation_inputs(run.data.validation, 1)(numbers, 0)
    kernel = base_of(run.model).get_layer("top_conv").kernel
    kernel.assign(kernel * 2)  # as training in phase 1 might
    features = run.frozen_features.validation_inputs(run.data.validation, 2)(numbers, 0)
    probabilities = trained_part(run.model, run.frozen_features.cut_point(2)).predict(features, verbose=0)
    np.testing.assert_allclose(
        probabilities, run.model.predict(run.data.validation.pixels[numbers], verbose=0), atol=1e-5
    )


def test_each_augmented_copy_goes_through_the_frozen_part_once(config, tiny_dataset, feature_cache):
    config = replace(config, kept_precision="float16")
    run, again = (RunParts(config, tiny_dataset, feature_cache) for _ in range(2))
    run.train()
    assert run.frozen_features.images_computed == 2 * len(run.data.train) + len(run.data.validation)
    expect_equal_inputs(again, RunParts(config, tiny_dataset, None))
    assert again.frozen_features.images_computed == 0
    later = RunParts(replace(config, strategy=Strategy("other", (Phase(20, 1e-3, 2),))), tiny_dataset, feature_cache)
    for epoch in range(2):
        later.frozen_features.training_inputs(later.data.train, 1)(np.arange(len(later.data.train)), epoch)
    assert later.frozen_features.images_computed == 0, "phase 1 of the first run has cached them"


def test_other_seeds_and_splits_share_features_and_other_weights_or_augmentation_do_not(
    config, tiny_dataset, feature_cache
):
    first = RunParts(config, tiny_dataset, feature_cache)
    numbers = np.arange(len(first.data.train))
    first.frozen_features.training_inputs(first.data.train, 1)(numbers, 0)

    def images_computed(changed: RunConfig) -> int:
        run = RunParts(changed, tiny_dataset, feature_cache)
        run.model.set_weights(first.model.get_weights())  # random weights depend on the seed, weights of a file do not
        run.frozen_features.training_inputs(run.data.train, 1)(np.arange(len(run.data.train)), 0)
        return run.frozen_features.images_computed

    assert images_computed(replace(config, seed=3, batch_size=4)) == 0
    known = {item.hash for item in first.data.train.items}
    new = [item for item in split(tiny_dataset, 1).in_split("train") if item.hash not in known]
    assert images_computed(replace(config, split_seed=1)) == len(new) > 0
    assert images_computed(replace(config, augmentation=replace(config.augmentation, zoom=0.2))) == len(numbers)
    other = RunParts(config, tiny_dataset, feature_cache)
    base_of(other.model).get_layer("stem_conv").set_weights([np.zeros((4, 4, 3, 8))])
    other.frozen_features.training_inputs(other.data.train, 1)(numbers, 0)
    assert other.frozen_features.images_computed == len(numbers)


def test_new_copies_per_epoch_depend_on_epoch_and_seed_and_are_not_cached(config, tiny_dataset, feature_cache):
    numbers = np.arange(4)
    config = replace(config, views=0)
    run, other = (RunParts(replace(config, seed=seed), tiny_dataset, feature_cache) for seed in (config.seed, 1))
    other.model.set_weights(run.model.get_weights())
    loaders = [parts.frozen_features.training_inputs(run.data.train, 1) for parts in (run, other)]
    features = [load(numbers, epoch) for load in loaders for epoch in (0, 1)]
    assert len({array.tobytes() for array in features}) == 4
    assert {entry.description for entry in feature_cache.entries()} == {"decoded images"}


def test_damaged_features_are_computed_again(config, tiny_dataset, feature_cache):
    run, numbers = RunParts(config, tiny_dataset, feature_cache), np.arange(6)
    before = run.frozen_features.validation_inputs(run.data.train, 1)(numbers, 0)
    for path in feature_cache.root.rglob("rows.bin"):
        path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    again = RunParts(config, tiny_dataset, feature_cache)
    np.testing.assert_array_equal(again.frozen_features.validation_inputs(again.data.train, 1)(numbers, 0), before)
    assert again.frozen_features.images_computed == 6


def test_with_a_full_cache_the_run_continues_and_warns_once(config, tiny_dataset, tmp_path):
    run = RunParts(config, tiny_dataset, FeatureCache(tmp_path / "cache", budget=1))
    assert len(run.train()) == 3
    assert len(run.warnings) == 1 and "the limit is 0.0 GB" in run.warnings[0]


def test_a_depth_without_a_small_cut_point_trains_from_images(config, tiny_dataset, feature_cache):
    run = RunParts(replace(config, strategy=Strategy("deep", (Phase(31, 1e-4, 1),))), tiny_dataset, feature_cache)
    inputs = run.frozen_features.training_inputs(run.data.train, 1)(np.arange(3), 0)
    assert run.frozen_features.cut_point(1) is None and inputs.shape == (3, 96, 96, 3) and inputs.dtype == np.uint8
    assert {entry.description for entry in feature_cache.entries()} == {"decoded images"}
