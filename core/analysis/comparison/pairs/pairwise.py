"""Compute the contrast of two settings: image by image over all seeds, else from accuracies alone."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from core.analysis.comparison.pairs.contrast import Contrast
from core.analysis.comparison.pairs.outcomes import Outcomes, ReplicatePair, shared_outcomes, shared_replicates
from core.analysis.comparison.replicates import Group, Result
from core.analysis.statistics.assurance import Design
from core.analysis.statistics.image_errors import accuracy_covariance, image_differences
from core.analysis.statistics.paired_models import Pairing, mid_p_mcnemar
from core.analysis.statistics.random_effects import paired_posterior, unpaired_posterior
from core.analysis.statistics.wilson_interval import Interval
from core.experiment.runs.run_store import RunStore


def compare(store: RunStore, first: Group, second: Group) -> Contrast | None:
    """Compare two settings. Raises `NoSuchRun`.

    Image by image over all seeds that both have; by the accuracies of these seeds if predictions are missing; by all
    accuracies if they share no seed. None if they cannot be compared: different classes or data, or an unknown number
    of test images.
    """
    of_first, of_second = first.results[0], second.results[0]
    if not of_first.images or not of_second.images:
        return None
    if first.data != second.data or of_first.classes != of_second.classes:
        return None
    pairs = shared_replicates(first, second)
    if not pairs:
        return _compare_accuracies(first, second)
    outcomes = shared_outcomes(store, first, second)
    if len(outcomes) == len(pairs):
        return _compare_images(first, second, pairs, outcomes)
    return _compare_seeds(first, second, pairs)


def _compare_images(
    first: Group, second: Group, pairs: Sequence[ReplicatePair], outcomes: Sequence[Outcomes]
) -> Contrast:
    """Compare image by image, over all seeds."""
    found = image_differences([seed.images for seed in outcomes], [seed.first - seed.second for seed in outcomes])
    overlap = first.test_to_train
    posterior = found.posterior(overlap)
    is_single = len(pairs) == len(pairs[0][0]) == len(pairs[0][1]) == 1
    pairing = Pairing.from_correct(outcomes[0].first > 0.5, outcomes[0].second > 0.5)
    return Contrast(
        first,
        second,
        posterior,
        float(np.average([seed.first.mean() for seed in outcomes], weights=found.sizes)),
        posterior.p,
        Design.from_covariance(found.covariance, overlap),
        round(fmean(found.sizes)),
        is_paired=True,
        same_models=sum(seed.are_same_models for seed in outcomes),
        two_models_p=mid_p_mcnemar(pairing) if is_single else None,
        has_fixed_test=_share_test_images(pairs),
    )


def _compare_seeds(first: Group, second: Group, pairs: Sequence[ReplicatePair]) -> Contrast:
    """Compare the accuracies seed by seed, without the predictions for single images."""
    ours, theirs = (np.array([fmean(result.accuracy for result in pair[side]) for pair in pairs]) for side in (0, 1))
    sizes = np.array([pair[0][0].images or 1 for pair in pairs])
    variances = ours * (1 - ours) + theirs * (1 - theirs)
    covariance = _covariance(variances, sizes, [pair[0][0] for pair in pairs])
    overlap = first.test_to_train
    posterior = paired_posterior(ours - theirs, covariance, sizes, overlap)
    design = Design.from_covariance(covariance, overlap)
    accuracy = float(np.average(ours, weights=sizes))
    return Contrast(
        first,
        second,
        posterior,
        accuracy,
        posterior.p,
        design,
        round(fmean(sizes)),
        has_fixed_test=_share_test_images(pairs),
    )


def _compare_accuracies(first: Group, second: Group) -> Contrast:
    """Compare accuracies that were measured on different images."""
    results = [*first.results, *second.results]
    accuracies, sizes = np.array([result.accuracy for result in results]), np.array([r.images or 1 for r in results])
    covariance = _covariance(accuracies * (1 - accuracies), sizes, results)
    is_first = np.arange(len(results)) < len(first.results)
    covariance[is_first[:, None] != is_first] = 0.0  # the two settings share no test images
    ours, theirs = accuracies[is_first], accuracies[~is_first]
    posterior = unpaired_posterior(ours, theirs, covariance, sizes, first.test_to_train)
    design = Design(1, variance=float(np.square(posterior.standard_errors[0])), covariance=0.0, overlap=0.0)
    accuracy = float(np.average(ours, weights=sizes[: len(ours)]))
    return Contrast(first, second, posterior, accuracy, posterior.p, design, min(map(int, sizes)))


def setting_interval(group: Group) -> Interval | None:
    """95% interval of a setting's mean accuracy over seeds, from its accuracies; None if it has fewer than two."""
    if len(group.results) < 2 or not all(result.images for result in group.results):
        return None
    accuracies, sizes = np.array(group.accuracies), np.array([result.images or 1 for result in group.results])
    covariance = _covariance(accuracies * (1 - accuracies), sizes, group.results)
    overlap = group.test_to_train
    low, high = paired_posterior(accuracies, covariance, sizes, overlap).interval()
    return max(0.0, low), min(1.0, high)


def setting_intervals(groups: Sequence[Group]) -> dict[str, Interval | None]:
    """The `setting_interval` of each setting, by the id of each of its runs."""
    intervals: dict[str, Interval | None] = {}
    for group in groups:
        intervals |= dict.fromkeys([result.run_id for result in group.results], setting_interval(group))
    return intervals


def _covariance(variances: np.ndarray, sizes: np.ndarray, results: Sequence[Result]) -> np.ndarray:
    tests = np.array([result.split.test_id for result in results])
    return accuracy_covariance(variances, sizes, tests)


def _share_test_images(pairs: Sequence[ReplicatePair]) -> bool:
    return len(pairs) > 1 and len({of_first[0].split.test_id for of_first, _ in pairs}) == 1
