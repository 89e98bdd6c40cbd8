"""Which settings are better, by how much, and whether that is more than chance."""

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
"""Differences up to one point either way count as none, unless somebody says otherwise."""

MOST_SEEDS, MOST_TIMES_AS_MANY = 100, 20
"""What is still within a person's reach: so many seeds, so many times the test images."""


class Judgement(StrEnum):
    """What a contrast amounts to."""

    BETTER = "better"
    EQUAL = "practically equal"
    OPEN = "too close to call"


@dataclass(frozen=True)
class Contrast:
    """One setting against another, the better first on average. Shares are 0 to 1.

    Args:
        interval: of the difference, first minus second, 95%.
        p: two-sided, raised for the number of contrasts (Holm).
        seeds: replicates that both have in common; 1 where they share none.
        images: test images of a replicate.
        is_paired: whether both were judged on the same images.
        error: standard error of the difference over replicates; None for one.
        share: test images over training images.
        zone: up to where a difference counts as none.
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
    share: float
    zone: float = EQUIVALENCE_MARGIN

    @property
    def judgement(self) -> Judgement:
        low, high = self.interval
        if -self.zone <= low and high <= self.zone:
            return Judgement.EQUAL
        return Judgement.BETTER if self.p <= 1 - CONFIDENCE and low > 0 else Judgement.OPEN

    def turned(self) -> "Contrast":
        """The better one first."""
        if self.difference >= 0:
            return self
        low, high = self.interval
        return replace(self, first=self.second, second=self.first, difference=-self.difference, interval=(-high, -low))

    @property
    def time_ratio(self) -> float | None:
        """How many times as long the first trains."""
        return self.first.seconds / self.second.seconds if self.second.seconds > 0 else None

    def seeds_to_settle(self) -> int | None:
        """About how many seeds would tell this difference from none, if it stays; None where no number would."""
        if self.error is None or self.error == 0:
            return None
        deviation = self.error / corrected_standard_error(1.0, self.seeds, self.share)
        return next(
            (
                seeds
                for seeds in range(self.seeds + 1, MOST_SEEDS + 1)
                if two_sided_t(seeds - 1) * corrected_standard_error(deviation, seeds, self.share)
                < abs(self.difference)
            ),
            None,
        )

    def images_to_settle(self) -> int | None:
        """About how many test images would tell this difference from none, if it stays; None beyond reach."""
        half = (self.interval[1] - self.interval[0]) / 2
        times = (half / self.difference) ** 2 if self.difference else math.inf
        return math.ceil(self.images * times) if times <= MOST_TIMES_AS_MANY else None


@dataclass(frozen=True)
class Verdict:
    """What runs say together.

    Args:
        groups: settings that were tested, the best first.
        contrasts: of all pairs that can be compared, in the order of the groups.
        runs: how many runs were asked about.
        missing: how many of them have no result on test images.
        left_out: how many have one, on images that the others were not tested on.
    """

    groups: tuple[Group, ...]
    contrasts: tuple[Contrast, ...]
    runs: int
    missing: int
    left_out: int = 0

    @property
    def has_several_seeds(self) -> bool:
        return any(len(group.results) > 1 for group in self.groups)

    def with_margin(self, zone: float) -> "Verdict":
        """The same where another difference counts as none. Raises `ValueError` for one below 0."""
        if not 0 <= zone < 1:
            raise ValueError(f"Expected a zone from 0 to 1; received {zone!r}.")
        return replace(self, contrasts=tuple(replace(contrast, zone=zone) for contrast in self.contrasts))

    def between(self, first: Group, second: Group) -> Contrast | None:
        return next(
            (one for one in self.contrasts if {one.first.name, one.second.name} == {first.name, second.name}), None
        )


def judge(store: RunStore, runs: Sequence[AnyRun]) -> Verdict:
    """Compare the runs by their settings, on the test images that all settings share where they share any.

    Raises `NoSuchRun`.
    """
    results = {run.id: evaluation_figures(store.evaluation(run.id)) for run in runs}
    tested = [run for run in runs if results[run.id].accuracy is not None]
    groups = groups_of(store, tested, results)
    shared = set.intersection(*(group.tests for group in groups)) if groups else set()
    fair = [group.on(shared) for group in groups] if shared else groups
    fair = sorted(fair, key=lambda group: -group.accuracy)
    contrasts = [contrast.turned() for pair in combinations(fair, 2) if (contrast := _contrast(store, *pair))]
    raised = holm([contrast.p for contrast in contrasts])
    left_out = len(tested) - sum(len(group.results) for group in fair)
    return Verdict(
        tuple(fair),
        tuple(replace(one, p=p) for one, p in zip(contrasts, raised, strict=True)),
        len(runs),
        len(runs) - len(tested),
        left_out,
    )


def _contrast(store: RunStore, first: Group, second: Group) -> Contrast | None:
    """None where the two cannot be compared at all: other classes, other data, or nobody knows how many images."""
    one, other = first.results[0], second.results[0]
    if not one.images or not other.images or first.data != second.data or one.classes != other.classes:
        return None
    replicates, others = first.by_replicate(), second.by_replicate()
    common = [(replicates[key], others[key]) for key in replicates if key in others]
    if len(common) > 1:
        return _over_replicates(first, second, common)
    pairing = _pairing(store, *common[0]) if common else None
    if pairing:
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
            one.split.share,
        )
    interval = unpaired_interval(first.accuracy, one.images, second.accuracy, other.images)
    return Contrast(
        first,
        second,
        first.accuracy - second.accuracy,
        interval,
        _unpaired_p(first, second),
        1,
        min(one.images, other.images),
        False,
        None,
        one.split.share,
    )


def _over_replicates(first: Group, second: Group, common: Sequence[tuple[list[Result], list[Result]]]) -> Contrast:
    differences = [fmean(r.accuracy for r in ours) - fmean(r.accuracy for r in theirs) for ours, theirs in common]
    images, share = first.results[0].images, first.results[0].split.share
    found = corrected_t_test(differences, share)
    return Contrast(first, second, found.mean, found.interval, found.p, len(common), images, True, found.error, share)


def _pairing(store: RunStore, ours: Sequence[Result], theirs: Sequence[Result]) -> Pairing | None:
    """Image by image, for the first run of each; None where their answers are not known, or not of the same images."""
    first, second = saved_predictions(store, ours[0].run_id), saved_predictions(store, theirs[0].run_id)
    if first is None or second is None or first.paths != second.paths:
        return None
    return Pairing.of(first.right, second.right)


def _unpaired_p(first: Group, second: Group) -> float:
    """Two-sided p of the score test for two shares on unlike images."""
    n, m = first.images, second.images
    pooled = (n * first.accuracy + m * second.accuracy) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return 2 * float(ndtr(-abs(first.accuracy - second.accuracy) / error)) if error else 1.0
