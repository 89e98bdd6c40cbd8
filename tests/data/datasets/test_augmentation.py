"""A view is a function of the image, its number and the seed; what augmentation says bounds it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.datasets.augmentation import NONE, AugmentedCopy, augment, augment_batch, copy_for_epoch
from core.data.sample_set.generate import draw_image
from core.experiment.run_config import Augmentation, RunConfig

IMAGE = "ab" * 32


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.asarray(draw_image("glass", 0, 96))


def test_views_do_not_depend_on_what_else_is_asked_for(pixels):
    images = [IMAGE, "cd" * 32, "ef" * 32]
    together = augment_batch(np.stack([pixels] * 3), images, AugmentedCopy(Augmentation(), 2, 5))
    for one, image in zip(together, images, strict=True):
        np.testing.assert_array_equal(one, augment(pixels, image, AugmentedCopy(Augmentation(), 2, 5)))
    assert together.dtype == np.uint8 and len({one.tobytes() for one in together}) == 3


def test_number_and_seed_give_other_views_and_the_plain_one_is_the_image(pixels):
    views = {
        augment(pixels, IMAGE, AugmentedCopy(Augmentation(), *key)).tobytes() for key in product(range(4), range(2))
    }
    assert len(views) == 8
    assert (augment_batch(pixels[None], [IMAGE], None)[0] == pixels).all()
    assert (augment(pixels, IMAGE, AugmentedCopy(NONE, 3)) == pixels).all()


def test_flipping_alone_mirrors_half_of_the_images(pixels):
    flip = replace(NONE, flip=True)
    views = [augment(pixels, f"{number:064x}", AugmentedCopy(flip, 0)) for number in range(200)]
    mirrored = sum((view == pixels[:, ::-1]).all() for view in views)
    assert mirrored + sum((view == pixels).all() for view in views) == 200 and 70 < mirrored < 130


@given(st.integers(0, 50))
def test_turning_and_zooming_move_a_spot_no_farther_than_they_may(number):
    spot = np.zeros((101, 101, 3), np.uint8)
    spot[48:53, 78:83] = 255  # 30 pixels right of the middle
    for augmentation, angle, ratio in ((replace(NONE, rotation=0.1), 36, 0.0), (replace(NONE, zoom=0.2), 0.1, 0.26)):
        seen = augment(spot, IMAGE, AugmentedCopy(augmentation, number))[..., 0].astype(float)
        y, x = (np.average(axis, weights=seen) - 50 for axis in np.mgrid[:101, :101])
        assert abs(np.degrees(np.arctan2(y, x))) <= angle + 0.5
        assert abs(np.hypot(x, y) / 30 - 1) <= ratio + 0.05


@given(st.integers(0, 50))
def test_contrast_stretches_about_the_mean(number):
    grey = np.repeat(np.repeat(np.array([[100], [140]], np.uint8), 8, axis=0)[..., None], 3, axis=2)
    seen = augment(grey, IMAGE, AugmentedCopy(replace(NONE, contrast=0.5), number)).astype(float)
    assert seen.mean() == pytest.approx(120, abs=1) and 19 <= seen.max() - seen.min() <= 61


def test_epochs_take_views_in_turn_or_new_ones_or_the_image():
    taken = [copy_for_epoch(RunConfig(views=3, seed=5), epoch) for epoch in range(5)]
    assert [view.number for view in taken] == [0, 1, 2, 0, 1] and {view.seed for view in taken} == {0}
    assert [copy_for_epoch(RunConfig(views=0, seed=5), epoch) for epoch in (0, 7)] == [
        AugmentedCopy(Augmentation(), 0, 5),
        AugmentedCopy(Augmentation(), 7, 5),
    ]
    assert copy_for_epoch(RunConfig(views=1), 4) is copy_for_epoch(RunConfig(augmentation=NONE), 4) is None
