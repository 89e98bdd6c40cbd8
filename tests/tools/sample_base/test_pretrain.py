"""A pretraining that stops goes on as if it had not, and its base can be loaded."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from core.learning.network.backbone import build_base
from tools.sample_base.batches import Recipe
from tools.sample_base.pretrain import BASE, even_out, pretrain
from tools.sample_base.source_world import draw_batch

RECIPE = Recipe(epochs=2, images=8, passes=2, batch_size=4, size=48, small_size=32, share_small=0.5)


@pytest.mark.slow
def test_a_stopped_pretraining_goes_on_to_the_same_end(tmp_path):
    assert pretrain(tmp_path / "whole", RECIPE, lambda done: True)
    assert not pretrain(tmp_path / "parts", RECIPE, lambda done: done < 1)
    assert pretrain(tmp_path / "parts", RECIPE, lambda done: done == 1)
    whole, parts = (np.load(tmp_path / name / BASE) for name in ("whole", "parts"))
    assert all((whole[key] == parts[key]).all() for key in whole)


def test_another_recipe_is_refused_in_a_begun_folder(tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps(asdict(RECIPE)))
    with pytest.raises(ValueError, match=r"Expected the recipe that .* was begun with.* Choose another folder\."):
        pretrain(tmp_path, replace(RECIPE, seed=1), lambda done: True)


def test_channels_of_any_strength_are_made_as_strong_as_the_usual_ones():
    base, pictures = build_base(0.35, 32, "random"), draw_batch((0,), 32, 32).pixels
    before = features(base, pictures)
    even_out(base, pictures)
    after = features(base, pictures)
    strong = np.quantile(after, 0.99, axis=0, method="lower")
    heard = np.quantile(before, 0.99, axis=0, method="lower") > 0.03
    assert heard.any() and strong[heard] == pytest.approx(6, rel=1e-3) and strong.max() <= 6
    assert ((after > 0) == (before > 0)).all(), "what answers to what has not changed"


def features(base, pictures):
    found = base.predict(pictures / np.float32(127.5) - 1, verbose=0)
    return found.reshape(-1, found.shape[-1])
