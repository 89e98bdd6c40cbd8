"""Mean difference between two settings over several seeds: a random-effects meta-analysis without random numbers.

Differences and standard deviations are shares, from -1 to 1. `docs/method.md` explains the model and reports its error
rates.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import brentq
from scipy.special import ndtr

from core.analysis.statistics.wilson_interval import CONFIDENCE, Interval

PRIOR_SCALE = 0.02
"""Median of the prior of tau, the standard deviation between trainings: 2 points."""

GRID_POINTS = 200


@dataclass(frozen=True, eq=False)
class Posterior:
    """Posterior of the mean difference: normal around `mean` for each value of tau.

    tau is the standard deviation of the difference between trainings with different seeds.

    Args:
        taus, weights: (grid,) values of tau and their posterior probabilities.
        standard_errors: (grid,) standard error of the mean for each tau.
    """

    mean: float
    taus: np.ndarray
    weights: np.ndarray
    standard_errors: np.ndarray

    @property
    def p(self) -> float:
        """Two-sided p value: twice the probability that the difference has the opposite sign of `mean`."""
        return float(self.weights @ (2 * ndtr(-abs(self.mean) / self.standard_errors)))

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Half the width of the central interval with this probability."""
        reach = 40 * float(self.standard_errors.max())  # beyond any interval

        def excess(half: float) -> float:
            return float(self.weights @ (2 * ndtr(-half / self.standard_errors))) - (1 - confidence)

        return float(brentq(excess, 0.0, reach, xtol=1e-7))

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        half = self.half_width(confidence)
        return self.mean - half, self.mean + half

    def probability_above(self, threshold: float) -> float:
        """Probability that the mean difference is above the threshold."""
        return float(self.weights @ ndtr((self.mean - threshold) / self.standard_errors))

    @property
    def next_is_better(self) -> float:
        """Probability that the next training of the first setting beats the next of the second on such images.

        Bouthillier et al. 2021, arXiv 2103.03098.
        """
        return float(self.weights @ ndtr(self.mean / np.hypot(self.standard_errors, self.taus)))

    def negated(self) -> "Posterior":
        """The posterior of the second setting minus the first."""
        return Posterior(-self.mean, self.taus, self.weights, self.standard_errors)


def paired_posterior(differences: np.ndarray, covariance: np.ndarray, sizes: np.ndarray, overlap: float) -> Posterior:
    """Posterior of the mean difference from one paired difference per seed.

    The model: differences ~ Normal(delta, covariance + tau^2 I), tau half-Cauchy (Gelman 2006, Bayesian Analysis 1,
    515-534), delta uniform.

    Args:
        differences: (seeds,) accuracy of the first setting minus that of the second.
        covariance: (seeds, seeds) covariance of the differences that is caused by testing on few images.
        sizes: (seeds,) number of test images; the mean is weighted by them.
        overlap: the share of tau^2 that all seeds have in common because their training images overlap; estimated by
            the number of test images divided by that of training images (Nadeau and Bengio 2003, Machine Learning 52,
            239-281).
    """
    weights = sizes / sizes.sum()
    return _posterior(differences, np.ones((len(differences), 1)), weights, covariance, 1.0, overlap)


def mean_interval(values: np.ndarray, overlap: float) -> Interval:
    """95% interval of the mean over seeds, by the same model, of values that vary between trainings only.

    Args:
        values: (seeds,), at least one.
        overlap: as for `paired_posterior`.
    """
    seeds = len(values)
    return paired_posterior(values, np.zeros((seeds, seeds)), np.ones(seeds), overlap).interval()


def unpaired_posterior(
    first: np.ndarray, second: np.ndarray, covariance: np.ndarray, sizes: np.ndarray, overlap: float
) -> Posterior:
    """Posterior of the mean difference from accuracies that are not paired by seed.

    Each training varies by tau / sqrt(2), so that tau means the same as for paired differences.

    Args:
        first, second: (seeds of the first,) and (seeds of the second,) accuracies.
        covariance: of all accuracies, the first setting's before the second's.
        sizes: number of test images of each accuracy.
        overlap: as for `paired_posterior`.
    """
    is_first = np.arange(len(first) + len(second)) < len(first)
    design = np.stack([is_first, ~is_first], axis=1).astype(float)
    weights = np.where(is_first, sizes / sizes[is_first].sum(), -sizes / sizes[~is_first].sum())
    return _posterior(np.concatenate([first, second]), design, weights, covariance, 0.5, overlap)


def _posterior(
    values: np.ndarray,
    design: np.ndarray,
    weights: np.ndarray,
    covariance: np.ndarray,
    tau_factor: float,
    overlap: float,
) -> Posterior:
    """Posterior of `weights @ values`, where each value has the variance tau^2 * tau_factor between trainings.

    tau is estimated from contrasts of the values that do not depend on the means (restricted likelihood); variance that
    all seeds share does not change these contrasts.
    """
    taus = _prior_grid()
    contrasts = null_space(design.T)
    image_variances, directions = np.linalg.eigh(contrasts.T @ covariance @ contrasts)
    squared_contrasts = (directions.T @ (contrasts.T @ values)) ** 2
    error = weights @ covariance @ weights + taus**2 * (tau_factor * weights @ weights + overlap)
    probabilities = _tau_probabilities(image_variances, squared_contrasts, tau_factor)
    return Posterior(float(weights @ values), taus, probabilities, np.sqrt(error))


def _tau_probabilities(image_variances: np.ndarray, squared_contrasts: np.ndarray, tau_factor: float) -> np.ndarray:
    """(grid,) posterior probability of each tau, given squared contrasts and their variance from images."""
    variances = np.maximum(image_variances, 1e-12)[:, None] + tau_factor * _prior_grid() ** 2
    log_likelihood = -0.5 * (np.log(variances) + squared_contrasts[:, None] / variances).sum(axis=0)
    probabilities = np.exp(log_likelihood - log_likelihood.max())
    return np.asarray(probabilities / probabilities.sum())


def expected_posterior(
    seeds: int, own_variance: float, shared_variance: float, overlap: float, scatter: float
) -> Posterior:
    """Posterior, around 0, of paired differences that have not been measured yet.

    Args:
        own_variance: of each difference, from its own images.
        shared_variance: of all differences, from images that all seeds share.
        scatter: variance of the differences around their mean.
        overlap: as for `paired_posterior`.
    """
    contrasts, taus = np.ones(seeds - 1), _prior_grid()
    probabilities = _tau_probabilities(contrasts * own_variance, contrasts * scatter, 1.0)
    error = shared_variance + own_variance / seeds + taus**2 * (1 / seeds + overlap)
    return Posterior(0.0, taus, probabilities, np.sqrt(error))


@cache
def _prior_grid() -> np.ndarray:
    """Values of tau that divide its prior, half-Cauchy, into equally probable parts."""
    return PRIOR_SCALE * np.tan(np.pi / 2 * (np.arange(GRID_POINTS) + 0.5) / GRID_POINTS)
