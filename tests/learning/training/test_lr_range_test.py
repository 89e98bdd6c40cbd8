"""A range test on a tiny model gives a smooth, reproducible curve, and computes features only once."""

from dataclasses import replace

import numpy as np
import pytest

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.split import split
from core.experiment.run_config import RunConfig
from core.experiment.strategy import ALL_LAYERS, Phase, Strategy
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.training_data import load_data
from core.learning.network.model import base_of
from core.learning.network.run_network import RunNetwork
from core.learning.training import lr_range_test
from core.learning.training.lr_range_test import Point, find_rate, range_test

STEPS = 24


@pytest.fixture
def feature_cache(tmp_path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache", budget=10**9)


class RangeTest:
    """The parts of a range test, open to inspection."""

    def __init__(self, config: RunConfig, dataset, feature_cache: FeatureCache) -> None:
        self.config = config
        self.network = RunNetwork(config, 10)
        manifest = split(dataset, config.split_seed)
        run_cache = RunCache(feature_cache, len(manifest.items))
        self.data = load_data(manifest, dataset.root, config.image_size, run_cache)
        self.frozen_features = FrozenFeatures(config, self.network, run_cache)

    def points(self, phase: int = 1, steps: int = STEPS) -> tuple[Point, ...]:
        return range_test(self.config, phase, self.network, self.data, self.frozen_features, steps)


def with_depths(config: RunConfig, *depths: int) -> RunConfig:
    return replace(config, strategy=Strategy("tiny", tuple(Phase(depth, 1e-3, 1) for depth in depths)))


@pytest.mark.parametrize("depth", [0, ALL_LAYERS])
def test_the_curve_is_finite_ordered_and_flat_at_low_rates(tiny_config, tiny_dataset, feature_cache, depth):
    expect_smooth(RangeTest(with_depths(tiny_config, depth), tiny_dataset, feature_cache).points())


def expect_smooth(points: tuple[Point, ...]) -> None:
    """Check that the curve is finite, ordered by rate, and flat at low rates."""
    rates, losses = map(np.array, zip(*points, strict=True))
    assert (np.diff(rates) > 0).all() and np.isfinite(losses).all() and (losses > 0).all()
    assert rates[0] == pytest.approx(1e-7) and rates[-1] <= 1.000001 and 10 < len(points) <= STEPS
    assert np.abs(losses[:5] - losses[0]).max() < 0.05, "differences between batches are removed"


def test_the_head_learns_at_middle_rates(tiny_config, tiny_dataset, feature_cache):
    points = RangeTest(with_depths(tiny_config, 0), tiny_dataset, feature_cache).points(steps=60)
    losses = [loss for _, loss in points]
    assert min(losses) < losses[0] - 0.05


def test_it_is_reproducible_and_the_second_test_computes_no_features(tiny_config, tiny_dataset, feature_cache):
    config = with_depths(tiny_config, 0, 20)
    first, second = (RangeTest(config, tiny_dataset, feature_cache) for _ in range(2))
    before = first.points(phase=2)
    expect_smooth(before)
    assert first.frozen_features.images_computed > 0
    assert second.points(phase=2) == before and second.frozen_features.images_computed == 0


def test_frozen_layers_stay_unchanged_and_earlier_phases_train_first(tiny_config, tiny_dataset, feature_cache):
    parts = RangeTest(with_depths(tiny_config, 0, 11), tiny_dataset, feature_cache)
    frozen = [layer.get_weights() for layer in base_of(parts.network.model).layers[:-11]]
    warmed_up = parts.points(phase=2, steps=8)
    for layer, before in zip(base_of(parts.network.model).layers[:-11], frozen, strict=True):
        for a, b in zip(layer.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
    untrained = RangeTest(with_depths(tiny_config, 11), tiny_dataset, feature_cache).points(steps=8)
    assert warmed_up[0][1] < untrained[0][1]


def test_slow_steps_are_fewer(tiny_config, tiny_dataset, feature_cache, monkeypatch):
    monkeypatch.setattr(lr_range_test, "MAX_SECONDS", 0.0)
    points = RangeTest(with_depths(tiny_config, 0), tiny_dataset, feature_cache).points(steps=60)
    assert len(points) <= lr_range_test.MIN_STEPS and points[-1][0] > 1e-3


def test_it_stops_when_the_loss_diverges(tiny_config, tiny_dataset, feature_cache, monkeypatch):
    monkeypatch.setattr(lr_range_test, "HIGHEST_RATE", 1e6)
    points = RangeTest(with_depths(tiny_config, 0), tiny_dataset, feature_cache).points()
    assert len(points) < STEPS and np.isfinite(points).all()


@pytest.mark.faults
def test_impossible_tests_are_refused(tiny_config, tiny_dataset, feature_cache):
    parts = RangeTest(tiny_config, tiny_dataset, feature_cache)
    for phase in (0, 3, True):
        with pytest.raises(ValueError, match=r"Expected phase \(of the strategy, from 1\) to be a whole number"):
            parts.points(phase=phase)
    with pytest.raises(ValueError, match="Expected a manifest"):
        find_rate(tiny_config, "nothing", 1)
    parts.data = replace(parts.data, train=replace(parts.data.train, items=(), labels=np.zeros(0, np.int32)))
    with pytest.raises(ValueError, match="Expected training images for the range test; received none"):
        parts.points()
