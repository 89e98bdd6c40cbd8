"""Confidence intervals and tests: published examples, symmetries and error rates."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.support.verdict_world import Simulation, claims_and_coverage
from core.analysis.statistics.significance import (
    Pairing,
    corrected_t_test,
    exact_mcnemar,
    holm,
    minimum_detectable_difference,
    paired_interval,
    unpaired_interval,
)

cells = st.integers(0, 300)
pairings = st.builds(Pairing, cells, cells, cells, cells).filter(lambda pairing: pairing.images)


def test_mcnemar_is_a_binomial_test_of_the_discordant_images():
    assert exact_mcnemar(Pairing(50, 9, 1, 40)) == pytest.approx(2 * (1 + 10) / 2**10)
    assert exact_mcnemar(Pairing(50, 5, 5, 40)) == 1 == exact_mcnemar(Pairing(60, 0, 0, 40))


def test_newcombes_example_for_paired_shares():
    """Newcombe 1998, Statistics in Medicine 17, 2635: a 36, b 12, c 2, d 0 gives 0.0569 to 0.3404 by method 10."""
    low, high = paired_interval(Pairing(36, 12, 2, 0))
    assert (low, high) == (pytest.approx(0.0569, abs=2e-4), pytest.approx(0.3404, abs=2e-4))


def test_newcombes_example_for_independent_shares():
    """Newcombe 1998, Statistics in Medicine 17, 873: 56 of 70 against 48 of 80 gives 0.0524 to 0.3339 by method 10."""
    low, high = unpaired_interval(56 / 70, 70, 48 / 80, 80)
    assert (low, high) == (pytest.approx(0.0524, abs=2e-4), pytest.approx(0.3339, abs=2e-4))


@given(pairings)
def test_a_paired_interval_contains_its_difference_and_is_antisymmetric(pairing: Pairing):
    low, high = paired_interval(pairing)
    assert -1 - 1e-9 <= low <= pairing.difference + 1e-9 and pairing.difference - 1e-9 <= high <= 1 + 1e-9
    swapped = Pairing(pairing.both, pairing.only_second, pairing.only_first, pairing.neither)
    assert paired_interval(swapped) == (pytest.approx(-high), pytest.approx(-low))
    assert exact_mcnemar(swapped) == pytest.approx(exact_mcnemar(pairing)) and 0 < exact_mcnemar(pairing) <= 1


def test_replicates_are_corrected_for_their_overlap():
    found = corrected_t_test([0.02, 0.04, 0.03, 0.05, 0.01], 300 / 1_400)
    error = np.std([0.02, 0.04, 0.03, 0.05, 0.01], ddof=1) * math.sqrt(1 / 5 + 300 / 1_400)
    assert found.mean == pytest.approx(0.03) and found.error == pytest.approx(error)
    low, high = found.interval
    assert (0.03 - low, high - 0.03) == (pytest.approx(2.7764 * error, abs=1e-5),) * 2  # t of 4 degrees of freedom
    assert (low > 0) == (found.p < 0.05)


def test_identical_replicates_and_too_few_replicates():
    assert corrected_t_test([0.0, 0.0], 300 / 1_400).p == 1 and corrected_t_test([0.1, 0.1], 300 / 1_400).p == 0
    with pytest.raises(ValueError, match="two differences"):
        corrected_t_test([0.1], 300 / 1_400)


def test_holm_raises_the_smallest_p_most_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03]) == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_and_keeps_ranks(values: list[float]):
    adjusted = holm(values)
    assert all(after >= before for before, after in zip(values, adjusted, strict=True))
    assert all(p <= 1 for p in adjusted)
    assert sorted(range(len(values)), key=values.__getitem__) == sorted(
        range(len(values)), key=lambda i: (adjusted[i], values[i])
    )


def test_more_seeds_and_more_images_detect_smaller_differences():
    by_seeds = [minimum_detectable_difference(378, 1_765, seeds) for seeds in (3, 5, 10)]
    assert by_seeds == sorted(by_seeds, reverse=True)
    assert minimum_detectable_difference(3_000, 14_000, 3) < minimum_detectable_difference(378, 1_765, 3)


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), (3, 0.05), (5, 0.05)])
def test_false_positives_are_rare(seeds: int, spread: float):
    """A short form of `benchmarks/verdict_simulation.py`: 300 studies, so 5% may come out as up to 8.5%."""
    found = claims_and_coverage(Simulation(images=1_200, spread=spread), seeds, 0.0, 300, np.random.default_rng(seeds))
    assert found.claims <= 0.085 and found.coverage >= 0.915
