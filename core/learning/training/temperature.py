"""Temperature scaling: one number, fitted on the validation images, that corrects overconfident probabilities."""

import math

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

LOWEST, HIGHEST = 0.05, 100.0
"""A fit at one of these limits is meaningless: there were few images, of which all or almost none were correct."""

_LEAST_PROBABILITY = 1e-12


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Find the temperature T at which softmax(log(p) / T) has the least log loss; above 1: the model is overconfident.

    Returns 1 if the least is not between `LOWEST` and `HIGHEST`. Guo et al. 2017, arXiv 1706.04599, section 4.2: log(p)
    are the logits up to a constant, which does not change the softmax.

    Args:
        probabilities: (images, classes).
        labels: (images,) the true class of each image.

    Raises `ValueError` if there are no images.
    """
    if len(labels) == 0 or len(labels) != len(probabilities):
        raise ValueError(
            f"Expected one label per row of probabilities, and at least one; received {len(labels)} labels and "
            f"{len(probabilities)} rows."
        )
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST_PROBABILITY))

    def log_loss(logarithm: float) -> float:
        scaled = logs / math.exp(logarithm)
        return float(np.mean(logsumexp(scaled, axis=1) - scaled[np.arange(len(labels)), labels]))

    found = minimize_scalar(log_loss, bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded")
    temperature = math.exp(found.x)
    return temperature if LOWEST * 1.01 < temperature < HIGHEST / 1.01 else 1.0
