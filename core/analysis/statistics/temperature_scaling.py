"""Temperature scaling of probabilities. Guo et al. 2017, arXiv 1706.04599."""

import numpy as np

MIN_PROBABILITY = 1e-12
"""Smaller probabilities are raised to this value before the logarithm is taken."""


def calibrated(probabilities: np.ndarray, temperature: float | None) -> np.ndarray:
    """Scale (..., classes) probabilities by a temperature; unchanged if it is None. The class order stays."""
    if temperature is None or temperature == 1:
        return np.asarray(probabilities)
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), MIN_PROBABILITY)) / temperature
    powers: np.ndarray = np.exp(logs - logs.max(axis=-1, keepdims=True))
    scaled: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return scaled
