"""Temperature scaling corrects overconfident and underconfident probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.statistics.temperature_scaling import calibrated
from core.learning.training.temperature import HIGHEST, LOWEST, fit_temperature


def draw(true_temperature: float, images: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels from calibrated probabilities; return these probabilities at temperature 1 / `true_temperature`."""
    rng = np.random.default_rng(0)
    true_probabilities = calibrated(rng.dirichlet(np.ones(5), images), 1.0)
    labels = np.array([rng.choice(5, p=row) for row in true_probabilities])
    return calibrated(true_probabilities, 1 / true_temperature), labels


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_true_temperature_is_found(true):
    assert fit_temperature(*draw(true)) == pytest.approx(true, rel=0.08)


@given(st.integers(1, 20), st.integers(2, 5), st.integers(0, 1_000))
def test_scaling_never_increases_the_log_loss_on_the_fitted_images(images, classes, seed):
    rng = np.random.default_rng(seed)
    probabilities, labels = rng.dirichlet(np.full(classes, 0.3), images), rng.integers(0, classes, images)
    temperature = fit_temperature(probabilities, labels)
    assert LOWEST <= temperature <= HIGHEST

    def log_loss(probabilities: np.ndarray) -> float:
        return -np.log(np.maximum(probabilities[np.arange(images), labels], 1e-12)).mean()

    assert log_loss(calibrated(probabilities, temperature)) <= log_loss(probabilities) + 1e-6


def test_with_nothing_to_fit_the_temperature_is_1():
    certain = np.eye(3)[[0, 1, 2, 0]]
    assert fit_temperature(certain, np.array([0, 1, 2, 0])) == fit_temperature(certain, np.array([1, 2, 0, 1])) == 1.0
    correct = np.array([[0.8, 0.2], [0.3, 0.7]])
    assert fit_temperature(correct, np.array([0, 1])) == 1.0, "the lower T, the lower the loss: no minimum"
    with pytest.raises(ValueError, match="received 0 labels and 0 rows"):
        fit_temperature(np.empty((0, 3)), np.empty(0, int))
