"""A range test on a tiny real model: a curve that can be judged, the same each time, paid for once."""

from dataclasses import replace

import numpy as np
import pytest

from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.split import split
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy
from core.learning.network.model import base_of, build_transfer_model
from core.learning.training import lr_range_test as rate_finder
from core.learning.training.batches import load_data
from core.learning.training.frozen_features import FrozenFeatures
from core.learning.training.lr_range_test import Point, find_rate, range_test

STEPS = 24


@pytest.fixture
def feature_cache(tmp_path) -> FeatureCache:
    return FeatureCache(tmp_path / "kept", budget=10**9)


class Lab:
    """A range test in parts that a test can look at."""

    def __init__(self, config: RunConfig, dataset, feature_cache: FeatureCache) -> None:
        self.config = config
        self.model = build_transfer_model(10, config.image_size, config.alpha, config.weights, config.seed)
        manifest = split(dataset, config.split_seed)
        run_cache = RunCache(feature_cache, len(manifest.items))
        self.data = load_data(manifest, dataset.root, config.image_size, run_cache)
        self.activations = FrozenFeatures(config, self.model, run_cache)

    def test(self, phase: int = 1, steps: int = STEPS) -> tuple[Point, ...]:
        return range_test(self.config, phase, self.model, self.data, self.activations, steps)


def of_depth(config: RunConfig, *depths: int) -> RunConfig:
    return replace(config, strategy=Strategy("tiny", tuple(Phase(depth, 1e-3, 1) for depth in depths)))


@pytest.mark.parametrize("depths", [(0,), (ALL_LAYERS,), (0, 30)], ids=str)
def test_the_curve_is_finite_and_ordered_and_low_rates_change_nothing(tiny_config, tiny_dataset, feature_cache, depths):
    points = Lab(of_depth(tiny_config, *depths), tiny_dataset, feature_cache).test(phase=len(depths))
    rates, losses = map(np.array, zip(*points, strict=True))
    assert (np.diff(rates) > 0).all() and np.isfinite(losses).all() and (losses > 0).all()
    assert rates[0] == pytest.approx(1e-7) and rates[-1] <= 1.000001 and 10 < len(points) <= STEPS
    assert np.abs(losses[:5] - losses[0]).max() < 0.05, "what batches differ in is taken out"


def test_the_head_learns_at_middle_rates(tiny_config, tiny_dataset, feature_cache):
    losses = [loss for _, loss in Lab(of_depth(tiny_config, 0), tiny_dataset, feature_cache).test(steps=60)]
    assert min(losses) < losses[0] - 0.05


def test_it_is_the_same_each_time_and_the_second_computes_no_image_anew(tiny_config, tiny_dataset, feature_cache):
    config = of_depth(tiny_config, 0, 30)
    first, second = (Lab(config, tiny_dataset, feature_cache) for _ in range(2))
    before = first.test(phase=2)
    assert first.activations.computed > 0
    assert second.test(phase=2) == before and second.activations.computed == 0


def test_what_is_frozen_stays_and_earlier_phases_train_first(tiny_config, tiny_dataset, feature_cache):
    lab = Lab(of_depth(tiny_config, 0, 11), tiny_dataset, feature_cache)
    frozen = [layer.get_weights() for layer in base_of(lab.model).layers[:-11]]
    lab.test(phase=2, steps=8)
    for layer, before in zip(base_of(lab.model).layers[:-11], frozen, strict=True):
        for a, b in zip(layer.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
    trained = Lab(of_depth(tiny_config, 0, 11), tiny_dataset, feature_cache).test(phase=2, steps=8)[0][1]
    assert trained < Lab(of_depth(tiny_config, 11), tiny_dataset, feature_cache).test(steps=8)[0][1]


def test_where_steps_are_slow_there_are_fewer(tiny_config, tiny_dataset, feature_cache, monkeypatch):
    monkeypatch.setattr(rate_finder, "SECONDS", 0.0)
    points = Lab(of_depth(tiny_config, 0), tiny_dataset, feature_cache).test(steps=60)
    assert len(points) <= rate_finder.FEWEST_STEPS and points[-1][0] > 1e-3


def test_it_ends_when_the_loss_runs_away(tiny_config, tiny_dataset, feature_cache, monkeypatch):
    monkeypatch.setattr(rate_finder, "HIGHEST", 1e6)
    points = Lab(of_depth(tiny_config, 0), tiny_dataset, feature_cache).test()
    assert len(points) < STEPS and np.isfinite(points).all()


@pytest.mark.faults
def test_what_cannot_be_tested_is_refused_in_a_line(tiny_config, tiny_dataset, feature_cache):
    lab = Lab(tiny_config, tiny_dataset, feature_cache)
    for phase in (0, 3, True):
        with pytest.raises(ValueError, match=r"Expected phase \(of the strategy, from 1\) to be a whole number"):
            lab.test(phase=phase)
    with pytest.raises(ValueError, match="Expected a manifest"):
        find_rate(tiny_config, "nothing", 1)
    lab.data = replace(lab.data, train=replace(lab.data.train, items=(), labels=np.zeros(0, np.int32)))
    with pytest.raises(ValueError, match="Expected training images to try rates on; received none"):
        lab.test()
