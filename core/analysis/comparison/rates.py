"""Rate sweep: settings of feature extraction that differ only in the learning rate and the dropout of the head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

import numpy as np

from core.analysis.comparison.replicates import Group
from core.analysis.results.summary import Summary
from core.analysis.statistics.random_effects import mean_interval
from core.analysis.statistics.wilson_interval import Interval
from core.analysis.text import join_words, percent
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.strategy import Strategy, rate

MIN_RATES: Final = 3
"""Smallest number of rates that makes a curve."""

MIN_SEEDS: Final = 3
"""Smallest number of seeds of which no warning about chance is given."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class RateResult:
    """Results of one learning rate with one dropout, in the order of the seeds.

    Args:
        run_id: the run with the first of these seeds.
        validation, test: accuracies; validation at the best epoch.
        losses: validation losses at the best epoch.
        overlap: number of test images divided by number of training images.
    """

    rate: float
    dropout: float
    run_id: str
    validation: tuple[float, ...]
    test: tuple[float, ...]
    losses: tuple[float, ...]
    overlap: float

    def interval(self, values: Sequence[float]) -> Interval | None:
        """95% interval of the mean over seeds of accuracies, within 0 to 1; None for one seed."""
        if len(values) < 2:
            return None
        low, high = mean_interval(np.array(values), self.overlap)
        return max(0.0, low), min(1.0, high)


@dataclass(frozen=True)
class RateSweep:
    """Results by dropout and then by rate, both ascending, and the equivalence margin."""

    results: tuple[RateResult, ...]
    margin: float

    @property
    def dropouts(self) -> tuple[float, ...]:
        return tuple(dict.fromkeys(result.dropout for result in self.results))

    def with_dropout(self, dropout: float) -> tuple[RateResult, ...]:
        return tuple(result for result in self.results if result.dropout == dropout)

    @property
    def best(self) -> RateResult:
        """The highest mean validation accuracy, of equal ones that with the lowest validation loss.

        Only results with the most seeds are candidates, so that it is not chosen because its seeds were easy.
        """
        return _best_of(self.results)

    @property
    def equivalent(self) -> tuple[RateResult, ...]:
        """The best and its neighbours whose mean validation accuracy is within the margin of it, without a gap."""
        line, least = self.with_dropout(self.best.dropout), fmean(self.best.validation) - self.margin - _ROUNDING
        start = end = line.index(self.best)
        while start > 0 and fmean(line[start - 1].validation) >= least:
            start -= 1
        while end + 1 < len(line) and fmean(line[end + 1].validation) >= least:
            end += 1
        return line[start : end + 1]


def rate_sweep_of(
    groups: Sequence[Group], runs: Sequence[AnyRun], rows: Sequence[Summary], margin: float
) -> RateSweep | None:
    """The largest set of settings of feature extraction that differ only in rate and dropout.

    None if it has fewer than `MIN_RATES` rates.
    """
    configs = {run.id: run.config for run in runs if isinstance(run, Run)}
    summaries = {row.id: row for row in rows}
    comparable: dict[RunConfig, dict[tuple[float, float], Group]] = {}
    for group in groups:
        config = configs.get(group.results[0].run_id)
        if config and len(config.strategy.phases) == 1 and config.strategy.trains_head_only:
            points = comparable.setdefault(_without_rate(config), {})
            point = config.dropout, config.strategy.phases[0].learning_rate
            results = points[point].results if point in points else ()  # the same rate, strategy with another name
            points[point] = replace(group, results=results + group.results)
    largest = max(comparable.values(), key=len, default={})
    found = [_result(*point, largest[point], summaries) for point in sorted(largest)]
    validated = tuple(result for result in found if result.validation)
    return RateSweep(validated, margin) if len({result.rate for result in validated}) >= MIN_RATES else None


def _without_rate(config: RunConfig) -> RunConfig:
    """Remove seeds, the strategy's name, the rate and the dropout, so that the rest can be compared."""
    phase = replace(config.strategy.phases[0], learning_rate=1.0)
    return replace(config.without_seeds(), strategy=Strategy("any", (phase,)), dropout=0.0)


def _result(dropout: float, learning_rate: float, group: Group, summaries: Mapping[str, Summary]) -> RateResult:
    results = sorted(group.results, key=lambda result: str(result.seed).zfill(10))
    rows = [summaries[result.run_id] for result in results]
    return RateResult(
        learning_rate,
        dropout,
        results[0].run_id,
        tuple(row.best_val_accuracy for row in rows if row.best_val_accuracy is not None),
        tuple(result.accuracy for result in results),
        tuple(row.best_val_loss for row in rows if row.best_val_loss is not None),
        group.test_to_train,
    )


def _best_of(results: Sequence[RateResult]) -> RateResult:
    seeds = max(len(result.validation) for result in results)
    return max(
        (result for result in results if len(result.validation) == seeds),
        key=lambda result: (round(fmean(result.validation), 9), -fmean(result.losses or (0.0,))),
    )


def describe_rates(sweep: RateSweep) -> str:
    """Name the best rate by validation accuracy, how much the rate matters, and the test accuracy to report."""
    parts = (
        f"Highest validation accuracy: {percent(fmean(sweep.best.validation))} at a learning rate of "
        f"{_setting(sweep)}{', on average' if len(sweep.best.validation) > 1 else ''}.",
        _describe_spread(sweep),
        _describe_dropouts(sweep),
        f"The test accuracy there, {percent(fmean(sweep.best.test))}, is the one to report: the test images took no "
        "part in the choice. Do not choose a rate by its test accuracy.",
        _limits(sweep),
    )
    return " ".join(part for part in parts if part)


def _setting(sweep: RateSweep) -> str:
    """`2e-3`, or with several dropouts `2e-3 and a dropout of 0.5`."""
    several = f" and a dropout of {sweep.best.dropout:g}" if len(sweep.dropouts) > 1 else ""
    return rate(sweep.best.rate) + several


def _describe_spread(sweep: RateSweep) -> str:
    """How far the other rates are below the best, and which are as good within the margin."""
    line, margin = sweep.with_dropout(sweep.best.dropout), f"{100 * sweep.margin:.1f} points"
    worst, near = min(line, key=lambda result: fmean(result.validation)), sweep.equivalent
    if len(near) == len(line):
        return f"The rate hardly matters here: from {_range(line)}, all are within {margin} of it."
    below = 100 * (fmean(sweep.best.validation) - fmean(worst.validation))
    within = (
        f"from {_range(near)} it is within {margin} of that"
        if len(near) > 1
        else f"no rate next to it is within {margin}"
    )
    return f"The rate matters: at {rate(worst.rate)} it is {below:.1f} points lower; {within}."


def _range(results: Sequence[RateResult]) -> str:
    return f"{rate(results[0].rate)} to {rate(results[-1].rate)}"


def _describe_dropouts(sweep: RateSweep) -> str:
    if len(sweep.dropouts) < 2:
        return ""
    best = [_best_of(sweep.with_dropout(dropout)) for dropout in sweep.dropouts]
    values = [f"{percent(fmean(result.validation))} with {result.dropout:g}" for result in best]
    return f"Each dropout at its own best rate: {join_words(values)}."


def _limits(sweep: RateSweep) -> str:
    """Reasons not to rely on the choice: the end of the range, few seeds."""
    line, notes = sweep.with_dropout(sweep.best.dropout), []
    for end, direction in ((line[0], "lower"), (line[-1], "higher")):
        if sweep.best is end:
            notes.append(f"No {direction} rate was tried; a {direction} one may be better still.")
    if len(sweep.best.validation) < MIN_SEEDS:
        notes.append(f"With fewer than {MIN_SEEDS} seeds, small differences between rates are often chance.")
    return " ".join(notes)
