"""What a picture looks like in numbers: a colour is found where it is, an edge in its direction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tools.sample_base import colours_and_edges as looks

FLAT = np.full((2, 48, 48, 3), 90, np.uint8)


@given(arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(37), st.just(37), st.just(3))))
def test_any_pictures_give_finite_numbers_and_shares_that_add_up(pixels):
    colours, edges = looks.colours(pixels), looks.edges(pixels)
    assert colours.shape == (len(pixels), 216) and edges.shape == (len(pixels), 432)
    assert (colours.reshape(-1, looks.BINS) ** 2).sum(1) == pytest.approx(1, rel=1e-5)
    assert np.isfinite(edges).all() and edges.min() >= 0


def test_a_colour_changes_the_numbers_of_its_own_cell_alone():
    spotted = FLAT.copy()
    spotted[1, 16:32, :16] = 200, 20, 20
    changed = (looks.colours(spotted) != looks.colours(FLAT)).reshape(2, 9, -1).any(2)
    assert not changed[0].any() and np.flatnonzero(changed[1]).tolist() == [3]


def test_stripes_have_edges_across_them_and_a_flat_picture_has_none():
    upright = np.broadcast_to((np.arange(48) // 4 % 2 * 200).astype(np.uint8)[None, None, :, None], (1, 48, 48, 3))
    first, lying = (
        looks.edges(pixels).reshape(9, looks.SCALES, 2, looks.BINS)[:, 0, 0]
        for pixels in (upright, np.rot90(upright, 1, (1, 2)))
    )
    assert (first.argmax(1) == 0).all() and (lying.argmax(1) == looks.BINS // 2).all()
    assert not looks.edges(FLAT).any()


def test_pictures_do_not_change_each_other():
    pixels = np.random.default_rng(0).integers(0, 255, (5, 40, 40, 3), np.uint8)
    for measure in (looks.colours, looks.edges):
        assert (measure(pixels)[3] == measure(pixels[3:4])[0]).all()
