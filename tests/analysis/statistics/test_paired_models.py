"""Two models on the same images: published examples and symmetries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.statistics.paired_models import Pairing, mid_p_mcnemar, paired_interval

cells = st.integers(0, 300)
pairings = st.builds(Pairing, cells, cells, cells, cells).filter(lambda pairing: pairing.images)


def test_mcnemar_is_a_binomial_test_of_the_discordant_images():
    assert mid_p_mcnemar(Pairing(50, 9, 1, 40)) == pytest.approx((2 * (1 + 10) - 10) / 2**10)
    assert mid_p_mcnemar(Pairing(50, 5, 5, 40)) == pytest.approx(1)
    assert mid_p_mcnemar(Pairing(60, 0, 0, 40)) == pytest.approx(1)


def test_newcombes_example_for_paired_shares():
    """Newcombe 1998, Statistics in Medicine 17, 2635: a 36, b 12, c 2, d 0 gives 0.0569 to 0.3404 by method 10."""
    low, high = paired_interval(Pairing(36, 12, 2, 0))
    assert (low, high) == (pytest.approx(0.0569, abs=2e-4), pytest.approx(0.3404, abs=2e-4))


@given(pairings)
def test_a_paired_interval_contains_its_difference_and_is_antisymmetric(pairing: Pairing):
    low, high = paired_interval(pairing)
    assert -1 - 1e-9 <= low <= pairing.difference + 1e-9 and pairing.difference - 1e-9 <= high <= 1 + 1e-9
    swapped = Pairing(pairing.both, pairing.only_second, pairing.only_first, pairing.neither)
    assert paired_interval(swapped) == (pytest.approx(-high), pytest.approx(-low))
    assert mid_p_mcnemar(swapped) == pytest.approx(mid_p_mcnemar(pairing)) and 0 < mid_p_mcnemar(pairing) <= 1
