"""Images unlike the validation images are flagged; images like them seldom are."""

import numpy as np
import pytest

from core.learning.inference.novelty import MAX_IMAGES, MIN_IMAGES, QUANTILE, NoveltyReference


def cloud(images: int, towards: int, seed: int = 0) -> np.ndarray:
    """Feature vectors that point in one direction, with noise."""
    features = np.random.default_rng(seed).normal(0, 0.05, (images, 32))
    features[:, towards] += 1
    return features


def test_new_images_like_the_reference_are_not_novel_and_others_are():
    reference = NoveltyReference.from_features(np.concatenate([cloud(200, 0), cloud(200, 1)]))
    similar = reference.score(np.concatenate([cloud(200, 0, 1), cloud(200, 1, 2)]))
    assert similar.dtype == np.float32 and np.mean(similar <= 1) == pytest.approx(QUANTILE, abs=0.04)
    assert (reference.score(cloud(50, 5)) > 2).all()
    assert (reference.score(1_000 * cloud(50, 0, 3)) < 2).all(), "the length of a feature vector does not matter"


def test_a_saved_reference_gives_the_same_scores(tmp_path):
    reference = NoveltyReference.from_features(cloud(100, 0))
    reference.save(tmp_path)
    again = NoveltyReference.load(tmp_path)
    features = np.concatenate([cloud(5, 0, 1), cloud(5, 3)])
    np.testing.assert_allclose(again.score(features), reference.score(features), rtol=0.02)
    assert [path.name for path in tmp_path.iterdir()] == ["familiar.npz"]


def test_many_images_are_sampled_and_too_few_give_no_reference():
    assert len(NoveltyReference.from_features(cloud(3 * MAX_IMAGES, 0)).known) == MAX_IMAGES
    for features in (cloud(MIN_IMAGES - 1, 0), np.zeros((0, 32))):
        assert NoveltyReference.from_features(features) is None


def test_with_equal_features_for_all_images_any_other_is_novel():
    reference = NoveltyReference.from_features(np.tile(cloud(1, 0), (30, 1)))
    assert (reference.score(cloud(3, 1)) > 1).all() and (reference.score(cloud(1, 0)) < 1).all()


@pytest.mark.faults
@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04"])
def test_a_damaged_file_gives_none(tmp_path, content):
    assert NoveltyReference.load(tmp_path) is None
    (tmp_path / "familiar.npz").write_bytes(content)
    assert NoveltyReference.load(tmp_path) is None
