"""Errors of accuracy differences that come from the finite number of test images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.analysis.statistics.random_effects import Posterior, paired_posterior


@dataclass(frozen=True, eq=False)
class ImageDifferences:
    """Differences between two settings in each seed, from their predictions for single images.

    Args:
        differences: (seeds,) mean difference over the seed's test images.
        sizes: (seeds,) number of test images.
        covariance: (seeds, seeds) of the errors of `differences`.
    """

    differences: np.ndarray
    sizes: np.ndarray
    covariance: np.ndarray

    def posterior(self, overlap: float) -> Posterior:
        """Posterior of the mean difference; `overlap` as for `paired_posterior`."""
        return paired_posterior(self.differences, self.covariance, self.sizes, overlap)


def image_differences(images: Sequence[np.ndarray], outcomes: Sequence[np.ndarray]) -> ImageDifferences:
    """Summarise per-image differences, each seed's in one array.

    The variance of one image is a + b - (a - b)^2, where a and b are the shares of images that only the first and only
    the second setting classifies correctly, over all seeds, with one image added to each (Bonett and Price 2012,
    Journal of Educational and Behavioral Statistics 37, 479-488). Images tested by two seeds make the seeds' errors
    correlate; the correlation is estimated from these images and kept between 0 and 1.

    Args:
        images: of each seed, (images,) integers that identify the test images.
        outcomes: of each seed, (images,) 1 = only the first is right, 0 = alike, -1 = only the second; between these
            if several trainings of a seed are averaged.
    """
    sizes = np.array([len(seed) for seed in images])
    table, is_tested = _by_image(images, outcomes)
    variance = _image_variance(table, is_tested)
    covariance = variance * _correlation(table, is_tested)
    in_common = (is_tested.astype(float) @ is_tested.T) / np.outer(sizes, sizes)
    return ImageDifferences(
        table.sum(axis=1) / sizes, sizes, covariance * in_common + np.diag((variance - covariance) / sizes)
    )


def accuracy_covariance(variances: np.ndarray, sizes: np.ndarray, tests: np.ndarray) -> np.ndarray:
    """Covariance of accuracies, or of their differences, without the predictions for single images.

    Accuracies on the same test images are taken to have the same errors.

    Args:
        variances: (accuracies,) variance of one image's outcome; one image is added each way.
        sizes: (accuracies,) number of test images.
        tests: (accuracies,) which test images: equal numbers are the same.
    """
    errors = np.sqrt((sizes * variances + 1) / (sizes + 2) / sizes)
    return np.where(tests[:, None] == tests, np.outer(errors, errors), 0.0)


def _by_image(images: Sequence[np.ndarray], outcomes: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(seeds, different images) outcomes, 0 where an image was not tested; and booleans: whether it was."""
    _, columns = np.unique(np.concatenate(images), return_inverse=True)
    rows = np.repeat(np.arange(len(images)), [len(seed) for seed in images])
    table = np.zeros((len(images), int(columns.max()) + 1))
    table[rows, columns] = np.concatenate(outcomes)
    is_tested = np.zeros(table.shape, dtype=bool)
    is_tested[rows, columns] = True
    return table, is_tested


def _image_variance(table: np.ndarray, is_tested: np.ndarray) -> float:
    """Variance of one outcome. The added images count as much as the different ones, which may be tested repeatedly."""
    images = table.shape[1]
    shares = (np.maximum(sign * table, 0).sum() / is_tested.sum() for sign in (1, -1))
    only_first, only_second = ((share * images + 1) / (images + 2) for share in shares)
    return float(only_first + only_second - (only_first - only_second) ** 2)


def _correlation(table: np.ndarray, is_tested: np.ndarray) -> float:
    """Correlation of the outcomes of two seeds for an image that both tested, 0 to 1."""
    deviations = np.where(is_tested, table - table.sum() / is_tested.sum(), 0.0)
    squares, tests = (deviations**2).sum(axis=0), is_tested.sum(axis=0)
    pairs = (tests * (tests - 1)).sum()
    if not pairs or not squares.any():
        return float(bool(pairs))
    covariance = (deviations.sum(axis=0) ** 2 - squares).sum() / pairs
    return float(np.clip(covariance * tests.sum() / squares.sum(), 0.0, 1.0))
