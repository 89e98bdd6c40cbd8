"""The source world: reproducible from a seed, all classes occur, and none is a class of the sample set."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.sample_set.generate import SAMPLE_CLASSES
from tools.sample_base.source_world import CLASSES, FINISHES, OUTLINES, SURFACES, draw_batch


def test_it_has_many_classes_and_none_of_the_sample_set():
    assert len(set(CLASSES)) == len(OUTLINES) * len(SURFACES) * len(FINISHES) == 2048
    words = {word for name in CLASSES for word in name.split()}
    assert not words & set(SAMPLE_CLASSES)


def test_the_same_seed_draws_the_same_pixels_and_another_seed_others():
    first, again, other = draw_batch((3, 1), 16, 48), draw_batch((3, 1), 16, 48), draw_batch((3, 2), 16, 48)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert len({hashlib.sha256(image.tobytes()).digest() for image in (*first.pixels, *other.pixels)}) == 32


@given(st.integers(1, 9), st.integers(32, 100), st.integers(0, 2**40))
def test_any_seed_count_and_size_gives_rgb_images_with_labels(count, size, seed):
    drawn = draw_batch((seed,), count, size)
    assert drawn.pixels.shape == (count, size, size, 3) and drawn.pixels.dtype == np.uint8
    assert all(labels.shape == (count,) for labels in drawn[1:])
    assert all(0 <= number < len(CLASSES) for number in drawn.classes)


def test_every_outline_surface_and_finish_occurs_and_images_are_neither_black_nor_white():
    batches = [draw_batch((0, number), 128, 32) for number in range(3)]
    assert set(np.concatenate([drawn.outlines for drawn in batches])) == set(range(len(OUTLINES)))
    assert set(np.concatenate([drawn.surfaces for drawn in batches])) == set(range(len(SURFACES)))
    assert set(np.concatenate([drawn.finishes for drawn in batches])) == set(range(len(FINISHES)))
    pixels = np.concatenate([drawn.pixels for drawn in batches]).astype(float)
    assert 70 < pixels.mean() < 185 and (pixels.std((1, 2, 3)) > 4).all()


@pytest.mark.parametrize("outline", OUTLINES.values(), ids=OUTLINES)
def test_outlines_are_normalised_and_closed(outline):
    assert outline.radii.max() == pytest.approx(1) and outline.radii.min() > 0.1
    assert np.abs(np.diff(outline.radii, append=outline.radii[0])).max() < 0.5, "it is closed"


@pytest.mark.parametrize(("count", "size"), [(0, 96), (1, 31)])
def test_too_few_images_or_pixels_raise_an_error(count, size):
    with pytest.raises(ValueError, match="Expected at least 1 image of at least 32 pixels; received"):
        draw_batch((0,), count, size)
