"""An augmented copy depends only on the image, its number and the seed, and stays within its limits."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.datasets.augmentation import NO_AUGMENTATION, AugmentedCopy, augment, augment_batch, copy_for_epoch
from core.data.sample_set.generate import draw_image
from core.experiment.run_config import Augmentation, RunConfig

IMAGE = "ab" * 32


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.asarray(draw_image("glass", 0, 96))


def test_copies_do_not_depend_on_the_rest_of_the_batch(pixels):
    images = [IMAGE, "cd" * 32, "ef" * 32]
    together = augment_batch(np.stack([pixels] * 3), images, AugmentedCopy(Augmentation(), 2, 5))
    for row, image in zip(together, images, strict=True):
        np.testing.assert_array_equal(row, augment(pixels, image, AugmentedCopy(Augmentation(), 2, 5)))
    assert together.dtype == np.uint8 and len({row.tobytes() for row in together}) == 3


def test_each_number_and_seed_gives_another_copy_and_no_augmentation_gives_the_image(pixels):
    copies = {
        augment(pixels, IMAGE, AugmentedCopy(Augmentation(), *key)).tobytes() for key in product(range(4), range(2))
    }
    assert len(copies) == 8
    assert (augment_batch(pixels[None], [IMAGE], None)[0] == pixels).all()
    assert (augment(pixels, IMAGE, AugmentedCopy(NO_AUGMENTATION, 3)) == pixels).all()


def test_flipping_alone_mirrors_half_of_the_images(pixels):
    flip = replace(NO_AUGMENTATION, flip=True)
    copies = [augment(pixels, f"{number:064x}", AugmentedCopy(flip, 0)) for number in range(200)]
    mirrored = sum((copy == pixels[:, ::-1]).all() for copy in copies)
    assert mirrored + sum((copy == pixels).all() for copy in copies) == 200 and 70 < mirrored < 130


@given(st.integers(0, 50))
def test_rotation_and_zoom_move_a_spot_within_their_limits(number):
    spot = np.zeros((101, 101, 3), np.uint8)
    spot[48:53, 78:83] = 255  # 30 pixels right of the middle
    for augmentation, angle, ratio in (
        (replace(NO_AUGMENTATION, rotation=0.1), 36, 0.0),
        (replace(NO_AUGMENTATION, zoom=0.2), 0.1, 0.26),
    ):
        copy = augment(spot, IMAGE, AugmentedCopy(augmentation, number))[..., 0].astype(float)
        y, x = (np.average(axis, weights=copy) - 50 for axis in np.mgrid[:101, :101])
        assert abs(np.degrees(np.arctan2(y, x))) <= angle + 0.5
        assert abs(np.hypot(x, y) / 30 - 1) <= ratio + 0.05


@given(st.integers(0, 50))
def test_contrast_changes_about_the_mean(number):
    grey = np.repeat(np.repeat(np.array([[100], [140]], np.uint8), 8, axis=0)[..., None], 3, axis=2)
    copy = augment(grey, IMAGE, AugmentedCopy(replace(NO_AUGMENTATION, contrast=0.5), number)).astype(float)
    assert copy.mean() == pytest.approx(120, abs=1) and 19 <= copy.max() - copy.min() <= 61


def test_epochs_repeat_copies_or_use_new_ones_or_the_image():
    copies = [copy_for_epoch(RunConfig(views=3, seed=5), epoch) for epoch in range(5)]
    assert [copy.number for copy in copies] == [0, 1, 2, 0, 1] and {copy.seed for copy in copies} == {0}
    assert [copy_for_epoch(RunConfig(views=0, seed=5), epoch) for epoch in (0, 7)] == [
        AugmentedCopy(Augmentation(), 0, 5),
        AugmentedCopy(Augmentation(), 7, 5),
    ]
    assert copy_for_epoch(RunConfig(views=1), 4) is copy_for_epoch(RunConfig(augmentation=NO_AUGMENTATION), 4) is None
