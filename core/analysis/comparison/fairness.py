"""Check whether settings are compared like for like: what is the same for all of them and what differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.analysis.comparison.verdict import Verdict
from core.analysis.results.settings import differing_settings, settings_of
from core.analysis.text import count, join_words, lower_first
from core.experiment.named_strategies import TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.strategy import Strategy, rate

HEAD_RATE, BASE_RATE = (phase.learning_rate for phase in TWO_PHASE.phases)
"""Default learning rates of the head and the base."""

_AUGMENTATION: Final = ("Augmentation", "Augmented copies per image")
_NETWORK: Final = ("Base", "Pretrained weights", "Width (alpha)", "Image size")
_TRAINING: Final = (
    "Test parts",
    "Batch size",
    "Patience",
    "Class weights",
    "Near-duplicates",
    "Groups",
    "Mixed precision",
    "Precision of cached features",
)
_DROPOUT: Final = "Dropout"


@dataclass(frozen=True)
class FairnessCheck:
    """One aspect that a fair comparison keeps the same; `finding` describes the result in a sentence."""

    aspect: str
    is_same: bool
    finding: str


@dataclass(frozen=True)
class Fairness:
    """All checks, and a sentence on the learning rates, which may differ because strategies need different rates."""

    checks: tuple[FairnessCheck, ...]
    rates: str

    @property
    def different(self) -> tuple[FairnessCheck, ...]:
        return tuple(check for check in self.checks if not check.is_same)

    @property
    def is_fair(self) -> bool:
        return not self.different


def fairness(verdict: Verdict, runs: Sequence[AnyRun]) -> Fairness | None:
    """Check the tested settings; None if there are fewer than two or a configuration cannot be read."""
    configs = {run.id: run.config for run in runs if isinstance(run, Run)}
    if len(verdict.groups) < 2 or not all(
        result.run_id in configs for group in verdict.groups for result in group.results
    ):
        return None
    groups = [[configs[result.run_id] for result in group.results] for group in verdict.groups]
    all_configs = [config for group in groups for config in group]
    tables = [settings_of(config) for config in all_configs]
    return Fairness(
        (
            _same_test_images(verdict),
            _same_seeds(groups),
            _same_epochs(groups),
            _same_settings("Augmentation", _AUGMENTATION, tables),
            _same_network(all_configs, tables),
            _same_settings("Training", _TRAINING if _is_crossed(all_configs) else (*_TRAINING, _DROPOUT), tables),
        ),
        _describe_rates(all_configs),
    )


def _same_test_images(verdict: Verdict) -> FairnessCheck:
    is_same = len({frozenset(group.test_splits) for group in verdict.groups}) == 1 and not verdict.left_out
    return FairnessCheck(
        "Test images",
        is_same,
        "Tested on the same images." if is_same else "Not all settings were tested on the same images.",
    )


def _same_seeds(groups: Sequence[Sequence[RunConfig]]) -> FairnessCheck:
    seeds = {tuple(sorted(config.seed for config in group)) for group in groups}
    numbers = sorted({len(group) for group in groups})
    if len(seeds) == 1:
        finding = f"{count(numbers[0], 'seed')} each."
    elif len(numbers) > 1:
        finding = f"{numbers[0]} to {numbers[-1]} seeds."
    else:
        finding = "Different seeds."
    return FairnessCheck("Seeds", len(seeds) == 1, finding)


def _same_epochs(groups: Sequence[Sequence[RunConfig]]) -> FairnessCheck:
    epochs = sorted({config.strategy.epochs for group in groups for config in group})
    return FairnessCheck(
        "Epochs",
        len(epochs) == 1,
        f"{count(epochs[0], 'epoch')} each."
        if len(epochs) == 1
        else f"{epochs[0]:,} to {epochs[-1]:,} epochs: longer training may be the reason for a better result.",
    )


def _same_network(configs: Sequence[RunConfig], tables: Sequence[dict[str, str]]) -> FairnessCheck:
    if len({config.strategy.is_from_scratch for config in configs}) > 1:
        return FairnessCheck("Network", False, "The baseline is a different network, as intended.")
    return _same_settings("Network", _NETWORK, tables)


def _same_settings(aspect: str, names: Sequence[str], tables: Sequence[dict[str, str]]) -> FairnessCheck:
    different = [name for name in differing_settings(tables) if name in names]
    finding = f"Different: {join_words(map(lower_first, different))}." if different else "The same."
    return FairnessCheck(aspect, not different, finding)


def _is_crossed(configs: Sequence[RunConfig]) -> bool:
    """Whether every strategy was trained with the same dropout values, so that none has an advantage."""
    dropouts: dict[Strategy, set[float]] = {}
    for config in configs:
        dropouts.setdefault(config.strategy, set()).add(config.dropout)
    return len({frozenset(values) for values in dropouts.values()}) == 1


def _describe_rates(configs: Sequence[RunConfig]) -> str:
    """Name rates that differ from the defaults: a strategy with an unsuitable rate is compared unfairly."""
    other = {
        rate(phase.learning_rate)
        for config in configs
        for phase in config.strategy.phases
        if phase.learning_rate not in (HEAD_RATE, BASE_RATE)
    }
    if not other:
        return (
            f"All learning rates are the defaults: {rate(HEAD_RATE)} for the head and {rate(BASE_RATE)} for the base. "
            "None was changed."
        )
    return (
        f"Some learning rates differ from the defaults, {rate(HEAD_RATE)} and {rate(BASE_RATE)}: "
        f"{join_words(sorted(other))}."
    )
