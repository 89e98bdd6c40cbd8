"""Whether settings were compared like for like: what was the same for all of them, and what was not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.analysis.comparison.verdict import Verdict
from core.analysis.results.settings import differing_settings, settings_of
from core.analysis.text import count, join_words, mid_sentence, rate
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.strategy import TWO_PHASE

HEAD_RATE, BASE_RATE = (phase.learning_rate for phase in TWO_PHASE.phases)
"""The course's rates: what counts as not tuned."""

_AUGMENTATION: Final = ("Augmentation", "Views of each training image")
_NETWORK: Final = ("What was learned from", "Width (alpha)", "Image size")
_TRAINING: Final = ("Batch size", "Patience", "Rare classes weigh more", "Near-duplicates", "16 bits on a GPU")


@dataclass(frozen=True)
class FairnessCheck:
    """One thing that a fair comparison keeps the same. `error_text` says what was found."""

    what: str
    is_same: bool
    told: str


@dataclass(frozen=True)
class Fairness:
    """All checks, and a sentence on the learning rates: no two strategies suit the same."""

    checks: tuple[FairnessCheck, ...]
    rates: str

    @property
    def different(self) -> tuple[FairnessCheck, ...]:
        return tuple(check for check in self.checks if not check.is_same)

    @property
    def is_fair(self) -> bool:
        return not self.different


def fairness(verdict: Verdict, runs: Sequence[AnyRun]) -> Fairness | None:
    """What the tested settings have in common; None for fewer than two, or where a configuration cannot be read."""
    configs = {run.id: run.config for run in runs if isinstance(run, Run)}
    if len(verdict.groups) < 2 or not all(
        result.run_id in configs for group in verdict.groups for result in group.results
    ):
        return None
    groups = [[configs[result.run_id] for result in group.results] for group in verdict.groups]
    every = [config for group in groups for config in group]
    tables = [settings_of(config) for config in every]
    return Fairness(
        (
            _same_tests(verdict),
            _same_seeds(groups),
            _same_budget(groups),
            _same_settings("Augmentation", _AUGMENTATION, tables),
            _same_network(every, tables),
            _same_settings("Training", _TRAINING, tables),
        ),
        _rates(every),
    )


def _same_tests(verdict: Verdict) -> FairnessCheck:
    is_same = len({frozenset(group.tests) for group in verdict.groups}) == 1 and not verdict.left_out
    return FairnessCheck(
        "Test images",
        is_same,
        "Tested on the same images." if is_same else "Not all of them were tested on the same images.",
    )


def _same_seeds(groups: Sequence[Sequence[RunConfig]]) -> FairnessCheck:
    seeds = {tuple(sorted(config.seed for config in group)) for group in groups}
    numbers = sorted({len(group) for group in groups})
    told = (
        f"{count(numbers[0], 'seed')} each."
        if len(seeds) == 1
        else (f"{numbers[0]} to {numbers[-1]} seeds." if len(numbers) > 1 else "Other seeds.")
    )
    return FairnessCheck("Seeds", len(seeds) == 1, told)


def _same_budget(groups: Sequence[Sequence[RunConfig]]) -> FairnessCheck:
    epochs = sorted({config.strategy.epochs for group in groups for config in group})
    return FairnessCheck(
        "Epochs",
        len(epochs) == 1,
        f"{count(epochs[0], 'epoch')} each."
        if len(epochs) == 1
        else f"{epochs[0]:,} to {epochs[-1]:,} epochs: who trains longer may win by that.",
    )


def _same_network(configs: Sequence[RunConfig], tables: Sequence[dict[str, str]]) -> FairnessCheck:
    if len({config.strategy.is_from_scratch for config in configs}) > 1:
        return FairnessCheck("Network", False, "The baseline is a network of its own, as it should be.")
    return _same_settings("Network", _NETWORK, tables)


def _same_settings(what: str, names: Sequence[str], tables: Sequence[dict[str, str]]) -> FairnessCheck:
    apart = [name for name in differing_settings(tables) if name in names]
    return FairnessCheck(
        what, not apart, "The same." if not apart else f"Not the same: {join_words(map(mid_sentence, apart))}."
    )


def _rates(configs: Sequence[RunConfig]) -> str:
    """Whether somebody chose the rates, for a strategy at a rate that suits it badly loses unfairly."""
    tuned = {
        rate(phase.learning_rate)
        for config in configs
        for phase in config.strategy.phases
        if phase.learning_rate not in (HEAD_RATE, BASE_RATE)
    }
    if not tuned:
        return f"Rates are the course's: {rate(HEAD_RATE)} for a head, {rate(BASE_RATE)} for the base. None was tuned."
    return f"Some rates were chosen: {join_words(sorted(tuned))}."
