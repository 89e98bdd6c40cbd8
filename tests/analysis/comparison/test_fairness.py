"""Checks whether settings are compared like for like."""

from dataclasses import replace

from core.analysis.comparison.fairness import fairness
from core.analysis.comparison.replicates import Group, Result, Split
from core.analysis.comparison.verdict import Verdict
from core.experiment.named_strategies import BASELINE, FINE_TUNING, STRATEGIES, TWO_PHASE, unfreeze_sweep
from core.experiment.run_config import Augmentation, RunConfig
from core.experiment.runs.run import CorruptRun, Run, RunStatus, State
from core.experiment.strategy import Phase, Strategy


def check_fairness(*settings: list[RunConfig], left_out: int = 0):
    runs = [
        [Run(f"{i}-{j}", config, RunStatus(State.COMPLETED)) for j, config in enumerate(configs)]
        for i, configs in enumerate(settings)
    ]
    groups = tuple(
        Group(
            str(i),
            "data",
            tuple(
                Result(run.id, 0.8, 100, ("a", "b"), Split(run.config.split_seed), run.config.seed, 60.0)
                for run in members
            ),
        )
        for i, members in enumerate(runs)
    )
    return fairness(Verdict(groups, (), sum(map(len, runs)), 0, left_out), [run for group in runs for run in group])


def different_aspects(*settings: list[RunConfig], left_out: int = 0) -> list[str]:
    return [check.aspect for check in check_fairness(*settings, left_out=left_out).different]


def seeds(config: RunConfig, *numbers: int) -> list[RunConfig]:
    return [replace(config, seed=number, split_seed=number) for number in numbers]


FINE, TWO = RunConfig(strategy=FINE_TUNING), RunConfig(strategy=TWO_PHASE)


def test_the_same_seeds_epochs_and_settings_are_fair():
    result = check_fairness(seeds(FINE, 0, 1), seeds(TWO, 0, 1))
    assert result.is_fair and "None was changed" in result.rates
    assert [check.finding for check in result.checks][:3] == [
        "Tested on the same images.",
        "2 seeds each.",
        "25 epochs each.",
    ]


def test_differences_are_reported():
    head = RunConfig(strategy=STRATEGIES["feature-extraction"])
    assert [check.finding for check in check_fairness([head], [TWO]).different] == [
        "15 to 25 epochs: longer training may be the reason for a better result."
    ]
    assert different_aspects(seeds(FINE, 0, 1), seeds(TWO, 0)) == ["Test images", "Seeds"]
    assert different_aspects(seeds(FINE, 0), seeds(TWO, 1)) == ["Test images", "Seeds"]
    other = replace(TWO, augmentation=Augmentation(flip=False), views=1, alpha=0.5)
    assert [(check.aspect, check.finding) for check in check_fairness([FINE], [other]).different] == [
        ("Augmentation", "Different: augmentation and augmented copies per image."),
        ("Network", "Different: width (alpha)."),
    ]
    assert different_aspects([FINE], [TWO], left_out=1) == ["Test images"]


def test_the_baseline_is_another_network_and_a_sweep_has_no_tuned_rate():
    small = replace(TWO, strategy=BASELINE)
    assert different_aspects([FINE], [small]) == ["Network"]
    sweep = [[replace(TWO, strategy=strategy)] for strategy in unfreeze_sweep()]
    assert check_fairness(*sweep).is_fair and "None was changed" in check_fairness(*sweep).rates
    assert different_aspects([TWO], [replace(FINE, patience=3)]) == ["Training"]
    assert different_aspects([TWO], [replace(FINE, test_parts="in-turn")]) == ["Training"]
    assert different_aspects([TWO], [replace(FINE, frozen_precision="fastest")]) == ["Training"]


def test_dropout_is_fair_if_every_strategy_has_the_same_values():
    crossed = [[replace(config, dropout=dropout)] for config in (FINE, TWO) for dropout in (0.2, 0.8)]
    assert check_fairness(*crossed).is_fair
    assert [check.finding for check in check_fairness(*crossed[:3]).different] == ["Different: dropout."]


def test_rates_other_than_the_defaults_are_reported():
    tuned = replace(TWO, strategy=Strategy("fine-tuning", (Phase(154, 3e-5, 25),)))
    result = check_fairness([TWO], [tuned])
    assert result.is_fair and result.rates == "Some learning rates differ from the defaults, 1e-3 and 1e-4: 3e-5."


def test_one_setting_or_unreadable_configurations_are_not_checked():
    assert check_fairness([TWO]) is None
    runs = [CorruptRun(name, RunStatus(State.CORRUPT)) for name in "ab"]
    groups = tuple(Group(run.id, "x", (Result(run.id, 0.5, 10, (), Split(0), 0, 1.0),)) for run in runs)
    assert fairness(Verdict(groups, (), 2, 0), runs) is None
