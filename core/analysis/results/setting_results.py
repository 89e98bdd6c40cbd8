"""Results of settings: means over the runs of each setting, which differ only in their seeds."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, replace
from statistics import fmean

import numpy as np

from core.analysis.results.evaluation_file import EvaluationFigures, evaluation_figures
from core.analysis.results.settings import group_by_setting, run_labels, setting_labels
from core.analysis.results.summary import Summary, summarise
from core.analysis.statistics.wilson_interval import Interval
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.runs.run_store import RunStore


@dataclass(frozen=True)
class SeedResults:
    """Results of one run. `seed` is equal for runs of two settings that are compared with each other."""

    name: str
    seed: Hashable
    summary: Summary
    figures: EvaluationFigures


Measure = Callable[[SeedResults], float | None]
"""Reads a measure of one run; None if it was not measured."""


@dataclass(frozen=True)
class SettingResults:
    """Results of the runs of one setting. `runs` has one entry for each run; a seed may have several."""

    name: str
    runs: tuple[SeedResults, ...]

    @property
    def id(self) -> str:
        """The id of the first run, as in `group_by_setting`."""
        return self.runs[0].summary.id

    def by_seed(self, measure: Measure) -> dict[Hashable, float]:
        """The measure of each seed, the mean over its runs; seeds for which it is unknown are left out."""
        values: dict[Hashable, list[float]] = {}
        for run in self.runs:
            value = measure(run)
            if value is not None:
                values.setdefault(run.seed, []).append(value)
        return {seed: fmean(found) for seed, found in values.items()}

    def mean(self, measure: Measure) -> float | None:
        """Mean over the seeds; None if it is unknown for all."""
        values = self.by_seed(measure).values()
        return fmean(values) if values else None

    def difference(self, measure: Measure, baseline: "SettingResults") -> float | None:
        """Mean difference to the baseline over the seeds that both have.

        If they have no seed in common, the difference of their means; None if either was not measured.
        """
        own, others = self.by_seed(measure), baseline.by_seed(measure)
        paired = [own[seed] - others[seed] for seed in own if seed in others]
        if paired:
            return fmean(paired)
        return fmean(own.values()) - fmean(others.values()) if own and others else None

    @property
    def tested_seeds(self) -> int:
        return len(self.by_seed(accuracy_on_test))

    @property
    def interval(self) -> Interval | None:
        """95% interval of the test accuracy of the only run (Wilson); None for several (see `setting_interval`)."""
        return self.runs[0].summary.interval if len(self.runs) == 1 else None

    @property
    def balanced_accuracy(self) -> float | None:
        return self.mean(lambda run: run.summary.balanced_accuracy)

    @property
    def is_unbalanced(self) -> bool:
        return any(run.summary.is_unbalanced for run in self.runs)

    @property
    def confusion(self) -> EvaluationFigures | None:
        """Figures with the confusion matrix summed over the runs; None if no run has one."""
        tested = [(run.figures, run.figures.confusion) for run in self.runs if run.figures.confusion is not None]
        if not tested:
            return None
        first = tested[0][0]
        matrices = [matrix for figures, matrix in tested if figures.classes == first.classes]
        return replace(first, confusion=np.sum(matrices, axis=0))

    def apart(self) -> list["SettingResults"]:
        """The results of each run by itself."""
        return [SettingResults(run.name, (run,)) for run in self.runs]


def accuracy_on_test(run: SeedResults) -> float | None:
    return run.summary.test_accuracy


def setting_results(store: RunStore, runs: Sequence[AnyRun]) -> list[SettingResults]:
    """Results of the runs by setting. Raises `NoSuchRun`."""
    settings = group_by_setting(runs)
    names = setting_labels(settings)
    return [SettingResults(names[setting.id], _seed_results(store, members)) for setting, members in settings]


def has_several_seeds(settings: Sequence[SettingResults]) -> bool:
    return any(len(setting.runs) > 1 for setting in settings)


def _seed_results(store: RunStore, members: Sequence[AnyRun]) -> tuple[SeedResults, ...]:
    names = run_labels(members)
    return tuple(
        SeedResults(
            names[run.id],
            _seed(run.config) if isinstance(run, Run) else run.id,
            summarise(store, run),
            evaluation_figures(store.evaluation(run.id)),
        )
        for run in members
    )


def _seed(config: RunConfig) -> Hashable:
    """The values of all that `without_seeds` removes."""
    setting = config.without_seeds()
    names = (field.name for field in fields(config))
    return tuple((name, getattr(config, name)) for name in names if getattr(config, name) != getattr(setting, name))
