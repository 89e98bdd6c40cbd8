"""Adjustment of p values for all pairs of settings."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.statistics.multiple_comparisons import ERROR_RATE, adjust, largest_factor


def p_values(values: list[float], settings: int) -> list[float]:
    return [adjusted.p for adjusted in adjust(values, settings)]


def test_three_settings_use_shaffers_factors_and_an_incomplete_table_holms():
    assert p_values([0.01, 0.04, 0.03], 3) == pytest.approx([0.03, 0.04, 0.03])
    assert p_values([0.01, 0.04], 3) == pytest.approx([0.02, 0.04])
    assert p_values([0.02], 2) == [0.02] and p_values([], 1) == []
    assert p_values([0.001, 0.01, 0.02, 0.03, 0.04, 0.5], 4) == pytest.approx([0.006, 0.03, 0.06, 0.09, 0.12, 1.0])


@given(st.integers(2, 6), st.data())
def test_intervals_and_p_values_agree_and_ranks_are_kept(settings: int, data: st.DataObject):
    pairs = comb(settings, 2)
    values = data.draw(st.lists(st.floats(0, 1), min_size=pairs, max_size=pairs))
    adjusted = adjust(values, settings)
    by_rank = [adjusted[number].p for number in sorted(range(pairs), key=values.__getitem__)]
    assert by_rank == sorted(by_rank)
    for before, after in zip(values, adjusted, strict=True):
        assert before <= after.p <= 1
        excludes_zero = before <= 1 - after.confidence + 1e-12
        assert excludes_zero == (after.p <= ERROR_RATE + 1e-12)
    holm = sorted(values)[0] * pairs
    assert by_rank[0] == pytest.approx(min(1.0, holm)) and largest_factor(settings) == pairs
