"""Measured timings match the runs they predict: the same cut points, the same number of images, plausible seconds."""

from dataclasses import replace

import pytest

from core.analysis.results.duration_estimate import estimate_duration
from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.split import Manifest, split
from core.experiment.named_strategies import unfreeze_sweep
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy
from core.experiment.timings import Timings, TimingStore
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.training_data import load_data
from core.learning.network.run_network import RunNetwork
from core.learning.training.evaluation import evaluate
from core.learning.training.loop import train
from core.learning.training.timing import measure_timings


@pytest.fixture
def config(tiny_config) -> RunConfig:
    return replace(tiny_config, strategy=Strategy("tiny", (Phase(0, 1e-3, 2), Phase(20, 1e-4, 1))), views=2)


@pytest.fixture
def manifest(tiny_dataset) -> Manifest:
    return split(tiny_dataset)


@pytest.fixture(scope="module")
def timings(tiny_dataset) -> Timings:
    """Real measurements, made once for all tests."""
    files = [tiny_dataset.root / image.path for image in tiny_dataset.images[:4]]
    return measure_timings(
        RunConfig(batch_size=8, image_size=96, weights="random", base="made-up"), 10, files, [0, 20, 32]
    )


def test_every_part_takes_some_time(timings):
    assert timings.build > 0 and timings.decode > 0
    assert all(min(phase.prepare, phase.step, phase.check) > 0 for phase in timings.phases.values())
    assert [bool(phase.frozen) for phase in timings.phases.values()] == [True, True, False]


def test_an_estimate_counts_exactly_the_images_that_the_run_computes(config, tiny_dataset, manifest, timings, tmp_path):
    feature_cache = FeatureCache(tmp_path / "cache", budget=10**9)
    before = estimate_duration([(config, manifest)], timings, feature_cache)
    network = RunNetwork(config, 10)
    run_cache = RunCache(feature_cache, len(manifest.items))
    frozen_features = FrozenFeatures(config, network, run_cache)
    data = load_data(manifest, tiny_dataset.root, 96, run_cache)
    train(config, network, data, lambda row: None, frozen_features=frozen_features)
    evaluate(network, data, config.batch_size, frozen_features)
    after = estimate_duration([(config, manifest)], timings, feature_cache)
    assert (before.needed, before.cached) == (frozen_features.images_computed, 0)
    assert after.cached == after.needed == before.needed and after.seconds < before.seconds
    assert estimate_duration([(replace(config, views=3), manifest)], timings, feature_cache).cached == before.needed
    in_float32 = replace(config, kept_precision="float32")
    test_images = manifest.counts()["test"]  # their features are always float32
    assert estimate_duration([(in_float32, manifest)], timings, feature_cache).cached == test_images


def test_the_next_run_of_a_study_reuses_the_features_of_the_first(config, manifest, timings, tmp_path):
    feature_cache = FeatureCache(tmp_path / "cache")
    alone = estimate_duration([(config, manifest)], timings, feature_cache)
    head = replace(config, strategy=Strategy("head", (Phase(0, 1e-3, 2),)))
    both = estimate_duration([(head, manifest), (config, manifest)], timings, feature_cache)
    test_images = manifest.counts()["test"]  # at another cut point
    assert both.needed == alone.needed + test_images and both.seconds > alone.seconds, (
        "two-phase runs first and the other reuses its features"
    )
    all_layers, other = (replace(config, strategy=Strategy("x", (Phase(depth, 1e-4, 1),))) for depth in (32, 7))
    everything = estimate_duration([(all_layers, manifest)], timings, feature_cache)
    assert everything.needed == 0 and everything.seconds > 0
    assert estimate_duration([(other, manifest)], timings, feature_cache) is None


def test_one_pass_computes_features_for_all_depths_of_a_study(config, manifest, timings, tmp_path):
    feature_cache = FeatureCache(tmp_path / "cache")
    sweep = unfreeze_sweep([0, 20], *config.strategy.phases)
    plan = [(replace(config, strategy=strategy), manifest) for strategy in sweep]
    alone, both = estimate_duration(plan[1:], timings, feature_cache), estimate_duration(plan, timings, feature_cache)
    assert both.needed == alone.needed + manifest.counts()["test"], (
        "feature extraction is tested from another cut point"
    )


def test_another_seed_computes_only_its_new_training_images(config, manifest, tiny_dataset, timings, tmp_path):
    feature_cache, other = FeatureCache(tmp_path / "cache"), split(tiny_dataset, 1)
    from_file = replace(config, weights="/weights.h5")
    alone = estimate_duration([(from_file, manifest)], timings, feature_cache)
    both = estimate_duration([(from_file, manifest), (replace(from_file, seed=1), other)], timings, feature_cache)
    assert alone.needed < both.needed < 2 * alone.needed
    random = estimate_duration([(config, manifest), (replace(config, seed=1), other)], timings, feature_cache)
    assert random.needed == 2 * alone.needed, "random weights differ between seeds"


def test_timings_are_saved_per_setting(config, timings, tmp_path):
    store, timings = TimingStore(tmp_path / "timings"), replace(timings, phases={0: timings.phases[0]})
    assert store.load(config).phases == {}
    assert store.add(config, timings) == timings == store.load(replace(config, patience=3))
    assert store.load(replace(config, batch_size=4)).phases == store.load(replace(config, seed=1)).phases == {}
    other = Timings(1.0, 0.0, {20: timings.phases[0]})
    assert set(store.add(config, other).phases) == {0, 20}
    for path in (tmp_path / "timings").iterdir():
        path.write_text("{")
    assert store.load(config) == Timings(0.0, 0.0, {})
