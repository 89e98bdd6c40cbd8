"""How much too sure a model is: one number that makes its probabilities honest, from the validation images."""

import math

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

LOWEST, HIGHEST = 0.25, 10.0
"""At these there was nothing to fit: few images, of which all were named right, or nearly none."""

_LEAST_PROBABILITY = 1e-12


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T at which softmax(log(p) / T) has the least log loss; above 1: the model is too sure. 1 where
    none between `LOWEST` and `HIGHEST` has.

    Guo et al. 2017, arXiv 1706.04599, section 4.2: log(p) are the logits but for a constant, which does not matter.

    Args:
        probabilities: (images, classes).
        labels: (images,) the true class of each.

    Raises `ValueError` without an image.
    """
    if len(labels) == 0 or len(labels) != len(probabilities):
        raise ValueError(
            f"Expected as many labels as rows, and one at least; received {len(labels)} labels and "
            f"{len(probabilities)} rows."
        )
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST_PROBABILITY))

    def log_loss(logarithm: float) -> float:
        scaled = logs / math.exp(logarithm)
        return float(np.mean(logsumexp(scaled, axis=1) - scaled[np.arange(len(labels)), labels]))

    found = minimize_scalar(log_loss, bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded")
    temperature = math.exp(found.x)
    return temperature if LOWEST * 1.01 < temperature < HIGHEST / 1.01 else 1.0
