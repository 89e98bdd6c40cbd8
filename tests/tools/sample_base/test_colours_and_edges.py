"""Colour and edge features: colours are counted in their cell, edges in their direction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tools.sample_base.colours_and_edges import BINS, SCALES, colours, edges

FLAT = np.full((2, 48, 48, 3), 90, np.uint8)


@given(arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(37), st.just(37), st.just(3))))
def test_any_images_give_finite_features_and_histograms_that_add_up_to_1(pixels):
    histograms, strengths = colours(pixels), edges(pixels)
    assert histograms.shape == (len(pixels), 216) and strengths.shape == (len(pixels), 432)
    assert (histograms.reshape(-1, BINS) ** 2).sum(1) == pytest.approx(1, rel=1e-5)
    assert np.isfinite(strengths).all() and strengths.min() >= 0


def test_a_colour_changes_only_the_features_of_its_cell():
    spotted = FLAT.copy()
    spotted[1, 16:32, :16] = 200, 20, 20
    changed = (colours(spotted) != colours(FLAT)).reshape(2, 9, -1).any(2)
    assert not changed[0].any() and np.flatnonzero(changed[1]).tolist() == [3]


def test_stripes_have_edges_across_them_and_a_uniform_image_has_none():
    stripes = np.broadcast_to((np.arange(48) // 4 % 2 * 200).astype(np.uint8)[None, None, :, None], (1, 48, 48, 3))
    vertical, horizontal = (
        edges(pixels).reshape(9, SCALES, 2, BINS)[:, 0, 0] for pixels in (stripes, np.rot90(stripes, 1, (1, 2)))
    )
    assert (vertical.argmax(1) == 0).all() and (horizontal.argmax(1) == BINS // 2).all()
    assert not edges(FLAT).any()


def test_images_do_not_affect_each_other():
    pixels = np.random.default_rng(0).integers(0, 255, (5, 40, 40, 3), np.uint8)
    for measure in (colours, edges):
        assert (measure(pixels)[3] == measure(pixels[3:4])[0]).all()
