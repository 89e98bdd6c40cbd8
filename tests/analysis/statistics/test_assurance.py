"""What a study can detect, and what would decide a comparison."""

import numpy as np
import pytest

from core.analysis.statistics.assurance import Design, assurance, assurance_of_images, detectable_difference
from core.analysis.statistics.random_effects import Posterior, paired_posterior

MARGIN = 0.01


def study(differences: list[float], variance: float = 0.2 / 379, covariance: float = 0.0) -> tuple[Posterior, Design]:
    seeds = len(differences)
    errors = np.full((seeds, seeds), covariance) + np.eye(seeds) * (variance - covariance)
    return (
        paired_posterior(np.array(differences), errors, np.full(seeds, 379), 0.2),
        Design(seeds, variance, covariance, 0.2),
    )


def test_more_seeds_and_images_decide_more_probably():
    posterior, design = study([0.04, 0.02, 0.05])
    by_seeds = [assurance(posterior, design, seeds, MARGIN) for seeds in (4, 8, 16, 32)]
    by_images = [assurance_of_images(posterior, design, factor, MARGIN) for factor in (1.5, 3.0, 12.0)]
    assert by_seeds == sorted(by_seeds) and by_images == sorted(by_images)
    assert all(0 <= share <= 1 for share in by_seeds + by_images)


def test_more_seeds_do_not_help_where_the_images_are_the_limit():
    posterior, design = study([0.02] * 5, variance=5e-4, covariance=5e-4)
    assert assurance(posterior, design, 50, MARGIN) < 0.5 < assurance_of_images(posterior, design, 16, MARGIN)


def test_a_small_difference_is_decided_as_practically_equal():
    posterior, design = study([0.001, -0.001, 0.0, 0.0, 0.001], variance=1e-4)
    assert assurance(posterior, design, 40, 0.02) > 0.9


def test_more_seeds_more_images_and_fewer_settings_detect_smaller_differences():
    by_seeds = [detectable_difference(378, 0.21, seeds) for seeds in (3, 5, 10)]
    assert by_seeds == sorted(by_seeds, reverse=True)
    assert detectable_difference(3_000, 0.21, 3) < detectable_difference(378, 0.21, 3)
    assert detectable_difference(378, 0.21, 5, settings=2) < detectable_difference(378, 0.21, 5, settings=3)
    assert detectable_difference(378, 0.21, 1) == pytest.approx((1.96 + 0.8416) * (0.2 / 378) ** 0.5, rel=1e-3)


def test_a_detectable_difference_is_detected_in_four_of_five_studies():
    images, seeds, rng = 379, 5, np.random.default_rng(0)
    true = detectable_difference(images, 0.2, seeds)
    deviation = (0.2 / images + 0.01**2) ** 0.5
    found = [study(list(rng.normal(true, deviation, seeds)))[0].p <= 0.05 for _ in range(400)]
    assert 0.72 < np.mean(found) < 0.92
