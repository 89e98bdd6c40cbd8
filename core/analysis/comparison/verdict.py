"""Compare settings pairwise: which is better, by how much, and whether the difference is significant."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from statistics import fmean

from scipy.special import ndtr

from core.analysis.comparison.replicates import Group, Result, groups_of, saved_predictions
from core.analysis.results.evaluation_file import evaluation_figures
from core.analysis.statistics.significance import (
    CONFIDENCE,
    Interval,
    Pairing,
    corrected_standard_error,
    corrected_t_test,
    exact_mcnemar,
    holm,
    paired_interval,
    two_sided_t,
    unpaired_interval,
)
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_store import RunStore

EQUIVALENCE_MARGIN = 0.01
"""Default equivalence margin: settings that differ by at most one point are practically equal."""

MAX_SUGGESTED_SEEDS, MAX_IMAGE_FACTOR = 100, 20
"""Largest number of seeds, and largest multiple of the test images, that are suggested to decide a comparison."""


class Judgement(StrEnum):
    """Result of comparing two settings."""

    BETTER = "better"
    EQUAL = "practically equal"
    OPEN = "too close to call"


@dataclass(frozen=True)
class Contrast:
    """Comparison of two settings, the one with the higher mean accuracy first. Shares are 0 to 1.

    Args:
        difference: accuracy of the first minus accuracy of the second.
        interval: 95% confidence interval of the difference.
        p: two-sided, adjusted for the number of contrasts (Holm).
        seeds: number of replicates that both have in common; 1 if they share none.
        images: number of test images of a replicate.
        is_paired: whether both were tested on the same images.
        error: standard error of the difference over replicates; None for one replicate.
        test_to_train: number of test images divided by number of training images.
        margin: equivalence margin: differences up to it count as practically equal.
    """

    first: Group
    second: Group
    difference: float
    interval: Interval
    p: float
    seeds: int
    images: int
    is_paired: bool
    error: float | None
    test_to_train: float
    margin: float = EQUIVALENCE_MARGIN

    @property
    def judgement(self) -> Judgement:
        low, high = self.interval
        if -self.margin <= low and high <= self.margin:
            return Judgement.EQUAL
        return Judgement.BETTER if self.p <= 1 - CONFIDENCE and low > 0 else Judgement.OPEN

    def better_first(self) -> "Contrast":
        """Swap the two settings if the second has the higher mean accuracy."""
        if self.difference >= 0:
            return self
        low, high = self.interval
        return replace(self, first=self.second, second=self.first, difference=-self.difference, interval=(-high, -low))

    @property
    def time_ratio(self) -> float | None:
        """Training time of the first divided by that of the second; None if unknown."""
        return self.first.seconds / self.second.seconds if self.second.seconds > 0 else None

    def seeds_to_decide(self) -> int | None:
        """Number of seeds at which a difference of this size would be significant.

        None if it is unknown or more than `MAX_SUGGESTED_SEEDS`.
        """
        if self.error is None or self.error == 0:
            return None
        deviation = self.error / corrected_standard_error(1.0, self.seeds, self.test_to_train)
        return next(
            (
                seeds
                for seeds in range(self.seeds + 1, MAX_SUGGESTED_SEEDS + 1)
                if two_sided_t(seeds - 1) * corrected_standard_error(deviation, seeds, self.test_to_train)
                < abs(self.difference)
            ),
            None,
        )

    def images_to_decide(self) -> int | None:
        """Number of test images at which a difference of this size would be significant; None if it is more than
        `MAX_IMAGE_FACTOR` times the present number.
        """
        half_width = (self.interval[1] - self.interval[0]) / 2
        factor = (half_width / self.difference) ** 2 if self.difference else math.inf
        return math.ceil(self.images * factor) if factor <= MAX_IMAGE_FACTOR else None


@dataclass(frozen=True)
class Verdict:
    """Result of comparing runs.

    Args:
        groups: tested settings, the best first.
        contrasts: of all pairs of settings that can be compared, in the order of the groups.
        runs: number of runs given.
        missing: number of runs without a test result.
        left_out: number of runs excluded because the other settings were not tested on their test images.
    """

    groups: tuple[Group, ...]
    contrasts: tuple[Contrast, ...]
    runs: int
    missing: int
    left_out: int = 0

    @property
    def has_several_seeds(self) -> bool:
        return any(len(group.results) > 1 for group in self.groups)

    def with_margin(self, margin: float) -> "Verdict":
        """Return the verdict for another equivalence margin, from 0 to below 1. Raises `ValueError`."""
        if not 0 <= margin < 1:
            raise ValueError(f"Expected an equivalence margin from 0 to below 1; received {margin!r}.")
        return replace(self, contrasts=tuple(replace(contrast, margin=margin) for contrast in self.contrasts))

    def between(self, first: Group, second: Group) -> Contrast | None:
        """The contrast of two settings, in either order; None if they cannot be compared."""
        names = {first.name, second.name}
        return next((found for found in self.contrasts if {found.first.name, found.second.name} == names), None)


def judge(store: RunStore, runs: Sequence[AnyRun]) -> Verdict:
    """Compare runs by setting, on the test images that all settings have in common, if there are any.

    Raises `NoSuchRun`.
    """
    results = {run.id: evaluation_figures(store.evaluation(run.id)) for run in runs}
    tested = [run for run in runs if results[run.id].accuracy is not None]
    groups = groups_of(store, tested, results)
    shared = set.intersection(*(group.test_splits for group in groups)) if groups else set()
    comparable = [group.restricted_to(shared) for group in groups] if shared else groups
    comparable = sorted(comparable, key=lambda group: -group.accuracy)
    contrasts = [
        contrast.better_first() for pair in combinations(comparable, 2) if (contrast := _contrast(store, *pair))
    ]
    adjusted = holm([contrast.p for contrast in contrasts])
    left_out = len(tested) - sum(len(group.results) for group in comparable)
    return Verdict(
        tuple(comparable),
        tuple(replace(contrast, p=p) for contrast, p in zip(contrasts, adjusted, strict=True)),
        len(runs),
        len(runs) - len(tested),
        left_out,
    )


def _contrast(store: RunStore, first: Group, second: Group) -> Contrast | None:
    """Compare two settings: over replicates, else image by image, else by their accuracies alone.

    None if they cannot be compared: different classes or data, or an unknown number of test images.
    """
    of_first, of_second = first.results[0], second.results[0]
    if not of_first.images or not of_second.images:
        return None
    if first.data != second.data or of_first.classes != of_second.classes:
        return None
    replicates, others = first.results_by_replicate(), second.results_by_replicate()
    shared = [(replicates[key], others[key]) for key in replicates if key in others]
    if len(shared) > 1:
        return _contrast_over_replicates(first, second, shared, of_first.images)
    pairing = _pairing(store, *shared[0]) if shared else None
    if pairing:
        return _contrast_image_by_image(first, second, pairing)
    return _contrast_of_accuracies(first, second, of_first.images, of_second.images)


def _contrast_over_replicates(
    first: Group, second: Group, replicates: Sequence[tuple[list[Result], list[Result]]], images: int
) -> Contrast:
    """Corrected t-test over the replicates that both settings share."""
    differences = [
        fmean(result.accuracy for result in of_first) - fmean(result.accuracy for result in of_second)
        for of_first, of_second in replicates
    ]
    test_to_train = first.results[0].split.test_to_train
    test = corrected_t_test(differences, test_to_train)
    return Contrast(
        first, second, test.mean, test.interval, test.p, len(replicates), images, True, test.error, test_to_train
    )


def _contrast_image_by_image(first: Group, second: Group, pairing: Pairing) -> Contrast:
    """McNemar's test and Newcombe's paired interval for one run of each setting."""
    return Contrast(
        first,
        second,
        pairing.difference,
        paired_interval(pairing),
        exact_mcnemar(pairing),
        1,
        pairing.images,
        True,
        None,
        first.results[0].split.test_to_train,
    )


def _contrast_of_accuracies(first: Group, second: Group, first_images: int, second_images: int) -> Contrast:
    """Score test and Newcombe's unpaired interval, if predictions are missing or the test images differ."""
    return Contrast(
        first,
        second,
        first.accuracy - second.accuracy,
        unpaired_interval(first.accuracy, first_images, second.accuracy, second_images),
        _unpaired_p(first.accuracy, first_images, second.accuracy, second_images),
        1,
        min(first_images, second_images),
        False,
        None,
        first.results[0].split.test_to_train,
    )


def _pairing(store: RunStore, first: Sequence[Result], second: Sequence[Result]) -> Pairing | None:
    """Compare the first run of each setting image by image.

    None if either has no saved predictions, or if they are for different images.
    """
    of_first, of_second = (saved_predictions(store, results[0].run_id) for results in (first, second))
    if of_first is None or of_second is None or of_first.paths != of_second.paths:
        return None
    return Pairing.from_correct(of_first.correct, of_second.correct)


def _unpaired_p(first: float, n: int, second: float, m: int) -> float:
    """Two-sided p of the score test for two accuracies on `n` and `m` different images."""
    pooled = (n * first + m * second) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return 2 * float(ndtr(-abs(first - second) / error)) if error else 1.0
