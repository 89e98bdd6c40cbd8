"""A picture unlike all that a model knows is marked; one of theirs seldom is."""

import numpy as np
import pytest

from core.learning.inference.novelty import LEAST_IMAGES, MOST_IMAGES, QUANTILE, NoveltyReference


def cloud(images: int, towards: int, seed: int = 0) -> np.ndarray:
    """Units that point into one direction, with noise."""
    units = np.random.default_rng(seed).normal(0, 0.05, (images, 32))
    units[:, towards] += 1
    return units


def test_new_pictures_of_the_kind_are_familiar_and_others_are_not():
    novelty_reference = NoveltyReference.of(np.concatenate([cloud(200, 0), cloud(200, 1)]))
    own = novelty_reference.novelty(np.concatenate([cloud(200, 0, 1), cloud(200, 1, 2)]))
    assert own.dtype == np.float32 and np.mean(own <= 1) == pytest.approx(QUANTILE, abs=0.04)
    assert (novelty_reference.novelty(cloud(50, 5)) > 2).all()
    assert (novelty_reference.novelty(1_000 * cloud(50, 0, 3)) < 2).all(), "how bright a picture is does not matter"


def test_it_is_the_same_after_it_was_saved(tmp_path):
    novelty_reference = NoveltyReference.of(cloud(100, 0))
    novelty_reference.save(tmp_path)
    again = NoveltyReference.load(tmp_path)
    novel = np.concatenate([cloud(5, 0, 1), cloud(5, 3)])
    np.testing.assert_allclose(again.novelty(novel), novelty_reference.novelty(novel), rtol=0.02)
    assert [path.name for path in tmp_path.iterdir()] == ["familiar.npz"]


def test_many_images_are_sampled_and_few_say_nothing():
    assert len(NoveltyReference.of(cloud(3 * MOST_IMAGES, 0)).known) == MOST_IMAGES
    assert NoveltyReference.of(cloud(LEAST_IMAGES - 1, 0)) is None and NoveltyReference.of(np.zeros((0, 32))) is None


def test_a_model_that_sees_the_same_in_all_pictures_marks_any_other():
    novelty_reference = NoveltyReference.of(np.tile(cloud(1, 0), (30, 1)))
    assert (novelty_reference.novelty(cloud(3, 1)) > 1).all() and (novelty_reference.novelty(cloud(1, 0)) < 1).all()


@pytest.mark.faults
@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04"])
def test_a_damaged_file_is_none(tmp_path, content):
    assert NoveltyReference.load(tmp_path) is None
    (tmp_path / "familiar.npz").write_bytes(content)
    assert NoveltyReference.load(tmp_path) is None
