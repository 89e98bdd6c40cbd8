"""The random-effects model over seeds and images: limits, symmetries, and agreement with numerical integration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from core.analysis.statistics.image_errors import image_differences
from core.analysis.statistics.random_effects import (
    PRIOR_SCALE,
    mean_interval,
    paired_posterior,
    unpaired_posterior,
)

shares = st.floats(-0.3, 0.3)


def paired(differences: list[float], variance: float = 5e-4, covariance: float = 0.0, overlap: float = 0.2):
    seeds = len(differences)
    errors = np.full((seeds, seeds), covariance) + np.eye(seeds) * (variance - covariance)
    return paired_posterior(np.array(differences), errors, np.full(seeds, 400), overlap)


def test_the_posterior_agrees_with_integration_over_the_difference_and_tau():
    differences, variance, overlap = np.array([0.03, 0.05, 0.01]), 5e-4, 0.2
    taus = np.linspace(1e-5, 1.0, 4_000)
    deltas = np.linspace(-1.5, 1.5, 3_001)
    density = np.zeros(len(deltas))
    for tau in taus:
        covariance = variance * np.eye(3) + tau**2 * (np.eye(3) + overlap)
        prior = 1 / (1 + (tau / PRIOR_SCALE) ** 2)
        density += prior * multivariate_normal.pdf(differences - deltas[:, None], np.zeros(3), covariance)
    density /= density.sum()

    def beyond(threshold: float) -> float:
        return float(density[deltas > threshold + 1e-9].sum() + density[np.isclose(deltas, threshold)].sum() / 2)

    found = paired(list(differences), variance, overlap=overlap)
    assert found.mean == pytest.approx(0.03)
    assert found.probability_above(0.01) == pytest.approx(beyond(0.01), abs=0.002)
    assert found.p == pytest.approx(2 * (1 - beyond(0.0)), abs=0.002)


def test_the_interval_excludes_zero_exactly_if_p_is_small():
    for difference in np.linspace(-0.2, 0.2, 41):
        found = paired([difference, difference + 0.01, difference - 0.01])
        low, high = found.interval()
        assert (low > 0 or high < 0) == (found.p < 0.05)


@given(st.lists(shares, min_size=1, max_size=8))
def test_swapping_the_settings_changes_signs_only(differences: list[float]):
    found, swapped = paired(differences), paired([-difference for difference in differences])
    assert swapped.mean == pytest.approx(-found.mean) and swapped.p == pytest.approx(found.p)
    assert found.negated().interval() == pytest.approx(swapped.interval(), abs=1e-6)
    low, high = found.interval()
    assert low < found.mean < high
    assert 0 <= found.probability_above(0.0) <= 1 and found.probability_above(0.0) + swapped.probability_above(
        0.0
    ) == pytest.approx(1)


@given(st.lists(shares, min_size=2, max_size=8), st.floats(0, 0.5))
def test_more_overlap_of_training_images_never_narrows_the_interval(differences: list[float], overlap: float):
    assert paired(differences, overlap=overlap).half_width() >= paired(differences, overlap=0.0).half_width() - 1e-9


def test_equal_differences_leave_an_honest_interval():
    """The t-test gave the interval 3.0 to 3.0 and p = 0."""
    low, high = paired([0.03, 0.03, 0.03], variance=0.2 / 379).interval()
    assert low < 0 < 0.06 < high
    assert paired([0.03, 0.03, 0.03]).p > 0.01
    assert paired([0.0, 0.0]).p == pytest.approx(1) and paired([0.0, 0.0]).half_width() > 0.03


def test_one_seed_says_little_about_a_strategy():
    half = paired([0.05]).half_width()
    assert 0.15 < half < 0.5, "the prior alone says how much trainings vary"


def test_many_seeds_on_the_same_images_do_not_remove_the_error_of_the_images():
    shared = paired([0.03] * 20, variance=5e-4, covariance=5e-4, overlap=0.0)
    own = paired([0.03] * 20, variance=5e-4, overlap=0.0)
    assert shared.half_width() > 1.95 * np.sqrt(5e-4) > 2 * own.half_width()


def test_the_next_training_is_less_certain_than_the_mean():
    found = paired([0.02, 0.06, 0.0, 0.05, 0.03])
    assert 0.5 < found.next_is_better < found.probability_above(0.0)


def test_unpaired_accuracies_have_a_wider_interval_than_paired_ones():
    first, second = np.array([0.85, 0.80, 0.90]), np.array([0.82, 0.77, 0.87])
    apart = unpaired_posterior(first, second, np.eye(6) * 4e-4, np.full(6, 400), 0.2)
    assert apart.mean == pytest.approx(0.03)
    assert apart.half_width() > paired([0.03, 0.03, 0.03], 8e-4).half_width()


def test_the_interval_of_a_mean_narrows_with_seeds():
    few, many = (mean_interval(np.array([0.8, 0.82, 0.81] * repeats), 0.0) for repeats in (1, 5))
    assert few[0] < many[0] < 0.81 < many[1] < few[1]


def test_images_of_two_seeds_are_recognised():
    images = [np.arange(4), np.arange(2, 6)]
    found = image_differences(images, [np.array([1, 0, 1, 0]), np.array([1, 0, 0, 1])])
    assert found.differences == pytest.approx([0.5, 0.5]) and list(found.sizes) == [4, 4]
    variance = 4 / 8 + 1 / 8 - (3 / 8) ** 2
    assert np.diag(found.covariance) == pytest.approx(variance / 4)
    assert found.covariance[0, 1] == pytest.approx(2 * variance / 16), "images 2 and 3: 0.5 off in both, as all others"


def test_testing_the_same_images_ten_times_is_no_more_evidence_than_once():
    outcomes = np.array([1] * 4 + [0] * 76)
    once = image_differences([np.arange(80)], [outcomes])
    often = image_differences([np.arange(80)] * 10, [outcomes] * 10)
    assert often.covariance == pytest.approx(np.full((10, 10), once.covariance[0, 0]))


@given(st.data())
def test_the_covariance_is_symmetric_and_positive(data: st.DataObject):
    seeds = data.draw(st.integers(1, 5))
    images = [np.array(data.draw(st.lists(st.integers(0, 20), min_size=1, unique=True))) for _ in range(seeds)]
    outcomes = [
        np.array(data.draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=n, max_size=n))) for n in map(len, images)
    ]
    found = image_differences(images, outcomes)
    assert np.allclose(found.covariance, found.covariance.T) and np.linalg.eigvalsh(found.covariance).min() > -1e-9


def test_other_seeds_on_images_of_their_own_are_independent():
    found = image_differences([np.arange(3), np.arange(3, 6)], [np.ones(3), np.zeros(3)])
    assert found.covariance[0, 1] == 0
