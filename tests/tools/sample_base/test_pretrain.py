"""Pretraining can be stopped and continued with an identical result; its base has features of the usual scale."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from core.backbones.registry import DEFAULT_BASE
from core.learning.network.base import build_base
from tools.sample_base.drawn_batches import Recipe
from tools.sample_base.pretrain import BASE, pretrain, rescale_channels
from tools.sample_base.source_world import draw_batch

RECIPE = Recipe(epochs=2, images=8, passes=2, batch_size=4, size=48, small_size=32, share_small=0.5)


@pytest.mark.slow
@pytest.mark.timeout(900)  # it traces six large graphs, on one core if other tests run
def test_a_stopped_pretraining_continues_to_an_identical_result(tmp_path):
    assert pretrain(tmp_path / "whole", RECIPE, lambda done: True)
    assert not pretrain(tmp_path / "parts", RECIPE, lambda done: done < 1)
    assert pretrain(tmp_path / "parts", RECIPE, lambda done: done == 1)
    whole, parts = (np.load(tmp_path / name / BASE) for name in ("whole", "parts"))
    assert all((whole[key] == parts[key]).all() for key in whole)


def test_another_recipe_is_refused_in_a_started_folder(tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps(asdict(RECIPE)))
    with pytest.raises(ValueError, match=r"Expected the recipe that .* was started with.*; choose another folder\."):
        pretrain(tmp_path, replace(RECIPE, seed=1), lambda done: True)


def test_channels_are_rescaled_to_the_range_of_relu6():
    base, pixels = build_base(DEFAULT_BASE, 0.35, 32, "random"), draw_batch((0,), 32, 32).pixels
    before = features(base, pixels)
    rescale_channels(base, pixels)
    after = features(base, pixels)
    strong = np.quantile(after, 0.99, axis=0, method="lower")
    active = np.quantile(before, 0.99, axis=0, method="lower") > 0.03
    assert active.any() and strong[active] == pytest.approx(6, rel=1e-3) and strong.max() <= 6
    assert ((after > 0) == (before > 0)).all(), "the same positions are active"


def features(base, pixels):
    feature_map = base.predict(pixels / np.float32(127.5) - 1, verbose=0)
    return feature_map.reshape(-1, feature_map.shape[-1])
