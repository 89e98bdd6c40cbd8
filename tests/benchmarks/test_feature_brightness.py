"""Random brightness on features stays within the range of each image."""

import numpy as np
import pytest

from benchmarks.support.feature_brightness import (
    NONE,
    PER_CHANNEL,
    PER_IMAGE,
    Part,
    Setting,
    change_brightness,
    train_head,
)

FEATURES = np.random.default_rng(0).random((6, 40), np.float32) * 5


@pytest.mark.parametrize("brightness", [PER_IMAGE, PER_CHANNEL])
def test_features_stay_in_their_own_range(brightness):
    changed = change_brightness(FEATURES, Setting(1, brightness, 1.0), np.random.default_rng(1))
    assert (changed >= FEATURES.min(axis=1, keepdims=True) - 1e-5).all()
    assert (changed <= FEATURES.max(axis=1, keepdims=True) + 1e-5).all()
    assert not np.allclose(changed, FEATURES)


def test_brightness_per_image_shifts_all_channels_alike_where_nothing_is_clipped():
    middle = FEATURES.copy()
    middle[:, 0], middle[:, 1] = 0, 10  # far from the others, which are then not clipped
    changed = change_brightness(middle, Setting(1, PER_IMAGE, 0.01), np.random.default_rng(1))
    inside = (middle > 0.2) & (middle < 9.8)
    for row, before, free in zip(changed, middle, inside, strict=True):
        assert np.ptp((row - before)[free]) < 1e-5


def test_without_brightness_features_are_unchanged():
    assert change_brightness(FEATURES, Setting(4, NONE), np.random.default_rng(1)) is FEATURES


def test_a_head_learns_from_copies_in_turn():
    labels = np.arange(60) % 3
    random = np.random.default_rng(0)
    copies = [np.eye(3, 20, dtype=np.float32)[labels] + random.normal(0, 0.1, (60, 20)).astype("f4") for _ in range(2)]
    part = Part(copies, labels)
    result = train_head(Setting(2, PER_IMAGE, 0.1), part, part, part, seed=0, epochs=15)
    assert result["validation"] == result["test"] > 0.9
