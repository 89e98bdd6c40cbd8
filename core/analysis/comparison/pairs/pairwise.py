"""Compute the contrast of two settings: image by image over all seeds, else from accuracies alone."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from core.analysis.comparison.pairs.contrast import Contrast
from core.analysis.comparison.replicates import Group, Replicate, Result, SavedPredictions, saved_predictions
from core.analysis.statistics.assurance import Design
from core.analysis.statistics.image_errors import accuracy_covariance, image_differences
from core.analysis.statistics.paired_models import Pairing, mid_p_mcnemar
from core.analysis.statistics.random_effects import paired_posterior, unpaired_posterior
from core.analysis.statistics.wilson_interval import Interval
from core.experiment.runs.run_store import RunStore

_Pair = tuple[Replicate, Replicate]
_Predictions = tuple[list[SavedPredictions], list[SavedPredictions]]


def compare(store: RunStore, first: Group, second: Group) -> Contrast | None:
    """Compare two settings, seed by seed if they share test images. Raises `NoSuchRun`.

    None if they cannot be compared: different classes or data, or an unknown number of test images.
    """
    of_first, of_second = first.results[0], second.results[0]
    if not of_first.images or not of_second.images:
        return None
    if first.data != second.data or of_first.classes != of_second.classes:
        return None
    replicates, others = first.replicates(), second.replicates()
    shared = [(replicates[key], others[key]) for key in replicates if key in others]
    if not shared:
        return _compare_accuracies(first, second)
    predictions = [_saved(store, pair) for pair in shared]
    complete = [pair for pair in predictions if pair is not None]
    if len(complete) == len(shared):
        return _compare_images(first, second, shared, complete)
    return _compare_seeds(first, second, shared)


def _saved(store: RunStore, pair: _Pair) -> _Predictions | None:
    """Saved predictions of all runs of two replicates; None if some are missing or are for other images."""
    first, second = ([saved_predictions(store, result.run_id) for result in results] for results in pair)
    known = [saved for saved in (*first, *second) if saved is not None]
    if len(known) < len(first) + len(second) or len({saved.paths for saved in known}) > 1:
        return None
    return known[: len(first)], known[len(first) :]


def _compare_images(first: Group, second: Group, pairs: Sequence[_Pair], saved: Sequence[_Predictions]) -> Contrast:
    """Compare image by image, over all seeds."""
    numbers: dict[str, int] = {}
    images = [_image_numbers(of_first[0].paths, numbers) for of_first, _ in saved]
    rates = [(_rate_correct(of_first), _rate_correct(of_second)) for of_first, of_second in saved]
    found = image_differences(images, [ours - theirs for ours, theirs in rates])
    overlap, is_own_test = _overlap([of_first[0] for of_first, _ in pairs])
    posterior = found.posterior(overlap)
    is_single = len(saved) == len(saved[0][0]) == len(saved[0][1]) == 1
    return Contrast(
        first,
        second,
        posterior,
        float(np.average([ours.mean() for ours, _ in rates], weights=found.sizes)),
        posterior.p,
        Design.from_covariance(found.covariance, overlap),
        round(fmean(found.sizes)),
        is_paired=True,
        same_models=sum(_are_same_models(pair) for pair in saved),
        models_p=mid_p_mcnemar(Pairing.from_correct(rates[0][0] > 0, rates[0][1] > 0)) if is_single else None,
        is_own_test=is_own_test,
    )


def _image_numbers(paths: Sequence[str], numbers: dict[str, int]) -> np.ndarray:
    """A number for each path, the same in all seeds; new paths are added to `numbers`."""
    return np.array([numbers.setdefault(path, len(numbers)) for path in paths])


def _rate_correct(saved: Sequence[SavedPredictions]) -> np.ndarray:
    """(images,) share of the models that classify each image correctly."""
    return np.asarray(np.mean([run.correct for run in saved], axis=0))


def _are_same_models(saved: _Predictions) -> bool:
    """Whether two trainings ended as the same model, as if the best epoch came before any layer was unfrozen."""
    of_first, of_second = (runs[0] for runs in saved)
    return bool(of_first.classes) and np.array_equal(of_first.probabilities, of_second.probabilities)


def _compare_seeds(first: Group, second: Group, pairs: Sequence[_Pair]) -> Contrast:
    """Compare the accuracies seed by seed, without the predictions for single images."""
    ours, theirs = (np.array([fmean(result.accuracy for result in pair[side]) for pair in pairs]) for side in (0, 1))
    sizes = np.array([pair[0][0].images or 1 for pair in pairs])
    variances = ours * (1 - ours) + theirs * (1 - theirs)
    covariance = _covariance(variances, sizes, [pair[0][0] for pair in pairs])
    overlap, is_own_test = _overlap([of_first[0] for of_first, _ in pairs])
    posterior = paired_posterior(ours - theirs, covariance, sizes, overlap)
    design = Design.from_covariance(covariance, overlap)
    accuracy = float(np.average(ours, weights=sizes))
    return Contrast(
        first, second, posterior, accuracy, posterior.p, design, round(fmean(sizes)), is_own_test=is_own_test
    )


def _compare_accuracies(first: Group, second: Group) -> Contrast:
    """Compare accuracies that were measured on different images."""
    results = [*first.results, *second.results]
    accuracies, sizes = np.array([result.accuracy for result in results]), np.array([r.images or 1 for r in results])
    covariance = _covariance(accuracies * (1 - accuracies), sizes, results)
    covariance[: len(first.results), len(first.results) :] = covariance[len(first.results) :, : len(first.results)] = 0
    ours, theirs = accuracies[: len(first.results)], accuracies[len(first.results) :]
    posterior = unpaired_posterior(ours, theirs, covariance, sizes, first.results[0].split.test_to_train)
    design = Design(1, float(np.square(posterior.errors[0])), 0.0, 0.0)
    accuracy = float(np.average(ours, weights=sizes[: len(ours)]))
    return Contrast(first, second, posterior, accuracy, posterior.p, design, min(map(int, sizes)))


def setting_interval(group: Group) -> Interval | None:
    """95% interval of a setting's mean accuracy over seeds, from its accuracies; None if it has fewer than two."""
    if len(group.results) < 2 or not all(result.images for result in group.results):
        return None
    accuracies, sizes = np.array(group.accuracies), np.array([result.images or 1 for result in group.results])
    covariance = _covariance(accuracies * (1 - accuracies), sizes, group.results)
    overlap, _ = _overlap(group.results)
    low, high = paired_posterior(accuracies, covariance, sizes, overlap).interval()
    return max(0.0, low), min(1.0, high)


def _covariance(variances: np.ndarray, sizes: np.ndarray, results: Sequence[Result]) -> np.ndarray:
    tests = np.array([result.split.test_id for result in results])
    return accuracy_covariance(variances, sizes, tests)


def _overlap(results: Sequence[Result]) -> tuple[float, bool]:
    """Test images divided by training images, and whether all seeds share the test images; then the first is 0."""
    is_own_test = len(results) > 1 and len({result.split.test_id for result in results}) == 1
    return 0.0 if is_own_test else results[0].split.test_to_train, is_own_test
