"""What was measured fits what then happens: the same cuts, the same rows, plausible seconds."""

from dataclasses import replace

import pytest

from core.analysis.results.duration_estimate import estimate
from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.split import Manifest, split
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy, unfreeze_sweep
from core.experiment.timings import Timings, TimingStore
from core.learning.network.model import build_transfer_model
from core.learning.training.batches import load_data
from core.learning.training.evaluation import evaluate
from core.learning.training.frozen_features import FrozenFeatures
from core.learning.training.loop import train
from core.learning.training.timing import measure_timings


@pytest.fixture
def config(tiny_config) -> RunConfig:
    return replace(tiny_config, strategy=Strategy("tiny", (Phase(0, 1e-3, 2), Phase(30, 1e-4, 1))), views=2)


@pytest.fixture
def manifest(tiny_dataset) -> Manifest:
    return split(tiny_dataset)


@pytest.fixture(scope="module")
def pace(tiny_dataset) -> Timings:
    """Measured for real, once for all tests."""
    files = [tiny_dataset.root / picture.path for picture in tiny_dataset.pictures[:4]]
    return measure_timings(
        RunConfig(batch_size=8, image_size=96, alpha=0.35, weights="random"), 10, files, [0, 30, 154]
    )


def test_every_part_takes_its_time(pace):
    assert pace.build > 0 and pace.decode > 0
    assert all(min(phase.prepare, phase.step, phase.check) > 0 for phase in pace.phases.values())
    assert [bool(phase.frozen) for phase in pace.phases.values()] == [True, True, False]


def test_an_estimate_counts_exactly_what_the_run_then_computes(config, tiny_dataset, manifest, pace, tmp_path):
    feature_cache = FeatureCache(tmp_path / "kept", budget=10**9)
    before = estimate([(config, manifest)], pace, feature_cache)
    model = build_transfer_model(10, 96, 0.35, "random", config.seed)
    run_cache = RunCache(feature_cache, len(manifest.items))
    activations = FrozenFeatures(config, model, run_cache)
    data = load_data(manifest, tiny_dataset.root, 96, run_cache)
    train(config, model, data, lambda row: None, activations=activations)
    evaluate(model, data, config.batch_size, activations)
    after = estimate([(config, manifest)], pace, feature_cache)
    assert (before.needed, before.kept) == (activations.computed, 0)
    assert after.kept == after.needed == before.needed and after.seconds < before.seconds
    assert estimate([(replace(config, views=3), manifest)], pace, feature_cache).kept == before.needed
    in_32_bits = replace(config, kept_precision="float32")
    tested = manifest.counts()["test"]  # in 32 bits anyway
    assert estimate([(in_32_bits, manifest)], pace, feature_cache).kept == tested


def test_the_next_run_of_a_study_takes_what_the_first_computed(config, manifest, pace, tmp_path):
    feature_cache = FeatureCache(tmp_path / "kept")
    one = estimate([(config, manifest)], pace, feature_cache)
    head = replace(config, strategy=Strategy("head", (Phase(0, 1e-3, 2),)))
    both = estimate([(head, manifest), (config, manifest)], pace, feature_cache)
    tested = manifest.counts()["test"]  # from its own cut
    assert both.needed == one.needed + tested and both.seconds > one.seconds, "two-phase goes first, serves the other"
    all_layers, other = (replace(config, strategy=Strategy("x", (Phase(depth, 1e-4, 1),))) for depth in (154, 7))
    everything = estimate([(all_layers, manifest)], pace, feature_cache)
    assert everything.needed == 0 and everything.seconds > 0
    assert estimate([(other, manifest)], pace, feature_cache) is None


def test_one_pass_serves_all_depths_of_a_study(config, manifest, pace, tmp_path):
    feature_cache = FeatureCache(tmp_path / "kept")
    sweep = unfreeze_sweep([0, 30], *config.strategy.phases)
    plan = [(replace(config, strategy=strategy), manifest) for strategy in sweep]
    one, both = estimate(plan[1:], pace, feature_cache), estimate(plan, pace, feature_cache)
    assert both.needed == one.needed + manifest.counts()["test"], "the head alone is tested from its own cut"


def test_another_seed_computes_only_images_that_are_new_to_its_training(config, manifest, tiny_dataset, pace, tmp_path):
    feature_cache, other = FeatureCache(tmp_path / "kept"), split(tiny_dataset, 1)
    of_a_file = replace(config, weights="/weights.h5")
    one = estimate([(of_a_file, manifest)], pace, feature_cache)
    both = estimate([(of_a_file, manifest), (replace(of_a_file, seed=1), other)], pace, feature_cache)
    assert one.needed < both.needed < 2 * one.needed
    drawn = estimate([(config, manifest), (replace(config, seed=1), other)], pace, feature_cache)
    assert drawn.needed == 2 * one.needed, "random weights are others for each seed"


def test_paces_are_kept_by_what_changes_them(config, pace, tmp_path):
    paces, pace = TimingStore(tmp_path / "paces"), replace(pace, phases={0: pace.phases[0]})
    assert paces.load(config).phases == {}
    assert paces.add(config, pace) == pace == paces.load(replace(config, patience=3))
    assert paces.load(replace(config, batch_size=4)).phases == paces.load(replace(config, seed=1)).phases == {}
    other = Timings(1.0, 0.0, {30: pace.phases[0]})
    assert set(paces.add(config, other).phases) == {0, 30}
    for path in (tmp_path / "paces").iterdir():
        path.write_text("{")
    assert paces.load(config) == Timings(0.0, 0.0, {})
