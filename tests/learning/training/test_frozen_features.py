"""What the frozen part says is computed once, and training from what was kept is training through the whole model."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.split import split
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy, unfreeze_sweep
from core.learning.network.model import base_of, build_transfer_model
from core.learning.network.trained_part import trained_part
from core.learning.training.batches import TrainingData, load_data
from core.learning.training.evaluation import evaluate
from core.learning.training.frozen_features import FrozenFeatures
from core.learning.training.loop import train

pytestmark = pytest.mark.faults


@pytest.fixture
def feature_cache(tmp_path) -> FeatureCache:
    return FeatureCache(tmp_path / "kept", budget=10**9)


@pytest.fixture
def config(tiny_config) -> RunConfig:
    """Feature extraction for two epochs, then the top 30 layers for one, on two views."""
    phases = (Phase(0, 1e-4, 2), Phase(30, 1e-5, 1))
    return replace(tiny_config, strategy=Strategy("tiny", phases), views=2, kept_precision="float32")


class Lab:
    """One run in parts that a test can look at."""

    def __init__(
        self, config: RunConfig, dataset, feature_cache: FeatureCache | None, later: Collection[int] = ()
    ) -> None:
        self.config, self.told = config, []
        self.model = build_transfer_model(10, config.image_size, config.alpha, config.weights, config.seed)
        manifest = split(dataset, config.split_seed)
        run_cache = RunCache(feature_cache, len(manifest.items), self.told.append)
        self.data: TrainingData = load_data(manifest, dataset.root, config.image_size, run_cache)
        self.activations = FrozenFeatures(config, self.model, run_cache, later)

    def train(self) -> list[dict]:
        outcome = train(self.config, self.model, self.data, lambda row: None, activations=self.activations)
        return list(outcome.rows)


def test_one_pass_keeps_what_other_depths_of_the_study_start_from(config, tiny_dataset, feature_cache):
    sweep = [replace(config, strategy=strategy) for strategy in unfreeze_sweep([0, 11, 56], *config.strategy.phases)]
    later = sweep[0].depths_of_similar_runs(sweep[1:])
    assert later == {0, 11, 56} and not sweep[0].depths_of_similar_runs([replace(sweep[1], seed=5)])
    first = Lab(sweep[0], tiny_dataset, feature_cache, later)
    first.train()
    assert first.activations.computed > 0
    for other in sweep[1:]:
        lab, alone = Lab(other, tiny_dataset, feature_cache), Lab(other, tiny_dataset, None)
        assert losses(lab.train()).tolist() == losses(alone.train()).tolist(), "the same rows as computed"
        assert lab.activations.computed == 0


def losses(rows: list[dict]) -> np.ndarray:
    return np.array([(row["loss"], row["val_loss"]) for row in rows])


def test_kept_or_computed_each_time_the_losses_are_the_same(config, tiny_dataset, feature_cache):
    kept = Lab(config, tiny_dataset, feature_cache)
    whole = Lab(replace(config, reuse=False), tiny_dataset, None)
    kept_rows, whole_rows = kept.train(), whole.train()
    np.testing.assert_allclose(losses(kept_rows), losses(whole_rows), rtol=1e-4)
    assert whole.activations.computed == 0, "it trains through the whole model"
    once = evaluate(kept.model, kept.data, 8, kept.activations)[1]
    np.testing.assert_allclose(once, evaluate(kept.model, kept.data, 8)[1], atol=1e-5)


def test_what_freezes_again_after_it_has_changed_is_not_taken_as_it_was(config, tiny_dataset, feature_cache):
    down = Strategy("down", (Phase(11, 1e-4, 1), Phase(0, 1e-4, 1)))
    lab = Lab(replace(config, strategy=down), tiny_dataset, feature_cache)
    numbers = np.arange(len(lab.data.validation))
    lab.activations.plain(lab.data.validation, 1)(numbers, 0)
    kernel = base_of(lab.model).get_layer("Conv_1").kernel
    kernel.assign(kernel * 2)  # as training in phase 1 might
    rows = lab.activations.plain(lab.data.validation, 2)(numbers, 0)
    said = trained_part(lab.model, lab.activations.cut(2)).predict(rows, verbose=0)
    np.testing.assert_allclose(said, lab.model.predict(lab.data.validation.pixels[numbers], verbose=0), atol=1e-5)


def test_an_image_goes_through_the_frozen_part_once_a_view(config, tiny_dataset, feature_cache):
    config = replace(config, kept_precision="float16")
    lab, again = (Lab(config, tiny_dataset, feature_cache) for _ in range(2))
    rows = lab.train()
    assert lab.activations.computed == 2 * len(lab.data.train) + len(lab.data.validation)
    assert (losses(again.train()) == losses(rows)).all(), "taken or computed, the numbers are the same"
    assert again.activations.computed == 0
    later = Lab(replace(config, strategy=Strategy("other", (Phase(30, 1e-3, 2),))), tiny_dataset, feature_cache)
    for epoch in range(2):
        later.activations.training(later.data.train, 1)(np.arange(len(later.data.train)), epoch)
    assert later.activations.computed == 0, "phase 1 of the first run already paid for it"


def test_other_seeds_and_splits_share_and_other_weights_sizes_or_dials_do_not(config, tiny_dataset, feature_cache):
    first = Lab(config, tiny_dataset, feature_cache)
    everything = np.arange(len(first.data.train))
    first.activations.training(first.data.train, 1)(everything, 0)

    def computes(changed: RunConfig, images: str = "train") -> int:
        lab = Lab(changed, tiny_dataset, feature_cache)
        lab.model.set_weights(first.model.get_weights())  # random weights follow the seed; a file's would not
        lab.activations.training(getattr(lab.data, images), 1)(np.arange(len(getattr(lab.data, images))), 0)
        return lab.activations.computed

    assert computes(replace(config, seed=3, batch_size=4)) == 0
    known = {item.hash for item in first.data.train.items}
    new = [item for item in split(tiny_dataset, 1).of("train") if item.hash not in known]
    assert computes(replace(config, split_seed=1)) == len(new) > 0
    assert computes(replace(config, augmentation=replace(config.augmentation, zoom=0.2))) == len(everything)
    other = Lab(config, tiny_dataset, feature_cache)
    base_of(other.model).get_layer("Conv1").set_weights([np.zeros((3, 3, 3, 16))])
    other.activations.training(other.data.train, 1)(everything, 0)
    assert other.activations.computed == len(everything)


def test_fresh_views_are_new_each_epoch_and_follow_the_seed(config, tiny_dataset, feature_cache):
    numbers = np.arange(4)
    fresh = replace(config, views=0)
    lab, other = Lab(fresh, tiny_dataset, feature_cache), Lab(replace(fresh, seed=1), tiny_dataset, feature_cache)
    other.model.set_weights(lab.model.get_weights())
    rows = [one.activations.training(lab.data.train, 1)(numbers, epoch) for one in (lab, other) for epoch in (0, 1)]
    assert len({row.tobytes() for row in rows}) == 4
    assert {kept.what for kept in feature_cache.entries()} == {"decoded images"}, "what never comes again is not kept"


def test_a_damaged_row_is_computed_again(config, tiny_dataset, feature_cache):
    lab, numbers = Lab(config, tiny_dataset, feature_cache), np.arange(6)
    before = lab.activations.plain(lab.data.train, 1)(numbers, 0)
    for path in feature_cache.root.rglob("rows.bin"):
        path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    again = Lab(config, tiny_dataset, feature_cache)
    np.testing.assert_array_equal(again.activations.plain(again.data.train, 1)(numbers, 0), before)
    assert again.activations.computed == 6


def test_without_room_the_run_goes_on_and_says_so(config, tiny_dataset, tmp_path):
    lab = Lab(config, tiny_dataset, FeatureCache(tmp_path / "kept", budget=1))
    assert len(lab.train()) == 3
    assert len(lab.told) == 1 and "the limit is 0.0 GB" in lab.told[0]


def test_a_depth_whose_cut_is_larger_than_the_image_is_computed_and_not_kept(config, tiny_dataset, feature_cache):
    lab = Lab(replace(config, strategy=Strategy("deep", (Phase(145, 1e-4, 1),))), tiny_dataset, feature_cache)
    rows = lab.activations.training(lab.data.train, 1)(np.arange(3), 0)
    assert lab.activations.cut(1) is None and rows.shape == (3, 96, 96, 3) and rows.dtype == np.uint8
    assert {kept.what for kept in feature_cache.entries()} == {"decoded images"}
