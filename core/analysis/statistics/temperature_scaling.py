"""Temperature scaling of probabilities. Guo et al. 2017, arXiv 1706.04599."""

import numpy as np

LEAST_PROBABILITY = 1e-12
"""Probabilities are raised to this value before their logarithm is taken."""


def calibrated(probabilities: np.ndarray, temperature: float | None) -> np.ndarray:
    """(..., classes) probabilities at a temperature; as they are without one. The order of the classes stays."""
    if temperature is None or temperature == 1:
        return np.asarray(probabilities)
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), LEAST_PROBABILITY)) / temperature
    powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
