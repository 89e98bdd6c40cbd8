"""The temperature that makes probabilities honest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.statistics.temperature_scaling import calibrated
from core.learning.training.temperature import HIGHEST, LOWEST, fit_temperature


def drawn(true_temperature: float, images: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that is `true_temperature` times too sure, and labels drawn from the honest ones."""
    rng = np.random.default_rng(0)
    honest = calibrated(rng.dirichlet(np.ones(5), images), 1.0)
    labels = np.array([rng.choice(5, p=row) for row in honest])
    return calibrated(honest, 1 / true_temperature), labels


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_of_a_model_that_is_too_sure_is_found(true):
    assert fit_temperature(*drawn(true)) == pytest.approx(true, rel=0.08)


@given(st.integers(1, 20), st.integers(2, 5), st.integers(0, 1_000))
def test_it_never_makes_the_images_it_is_fitted_on_worse(images, classes, seed):
    rng = np.random.default_rng(seed)
    probabilities, labels = rng.dirichlet(np.full(classes, 0.3), images), rng.integers(0, classes, images)
    temperature = fit_temperature(probabilities, labels)
    assert LOWEST <= temperature <= HIGHEST

    def log_loss(shares: np.ndarray) -> float:
        return -np.log(np.maximum(shares[np.arange(images), labels], 1e-12)).mean()

    assert log_loss(calibrated(probabilities, temperature)) <= log_loss(probabilities) + 1e-6


def test_where_there_is_nothing_to_fit_probabilities_stay():
    certain = np.eye(3)[[0, 1, 2, 0]]
    assert fit_temperature(certain, np.array([0, 1, 2, 0])) == fit_temperature(certain, np.array([1, 2, 0, 1])) == 1.0
    right = np.array([[0.8, 0.2], [0.3, 0.7]])
    assert fit_temperature(right, np.array([0, 1])) == 1.0, "surer would be better without end"
    with pytest.raises(ValueError, match="received 0 labels and 0 rows"):
        fit_temperature(np.empty((0, 3)), np.empty(0, int))
