"""Whether settings were compared like for like."""

from dataclasses import replace

from core.analysis.comparison.fairness import fairness
from core.analysis.comparison.replicates import Group, Result, Split
from core.analysis.comparison.verdict import Verdict
from core.experiment.run_config import Augmentation, RunConfig
from core.experiment.runs.run import CorruptRun, Run, RunStatus, State
from core.experiment.strategy import BASELINE, FINE_TUNING, STRATEGIES, TWO_PHASE, Phase, Strategy, unfreeze_sweep


def found(*settings: list[RunConfig], left_out: int = 0):
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


def seeds(config: RunConfig, *numbers: int) -> list[RunConfig]:
    return [replace(config, seed=number, split_seed=number) for number in numbers]


LONG, BOTH = RunConfig(strategy=FINE_TUNING), RunConfig(strategy=TWO_PHASE)


def test_the_same_seeds_epochs_and_settings_are_fair():
    judged = found(seeds(LONG, 0, 1), seeds(BOTH, 0, 1))
    assert judged.is_fair and "None was tuned" in judged.rates
    assert [check.told for check in judged.checks][:3] == [
        "Tested on the same images.",
        "2 seeds each.",
        "25 epochs each.",
    ]


def test_what_differs_is_named():
    head = RunConfig(strategy=STRATEGIES["feature-extraction"])
    assert [c.told for c in found([head], [BOTH]).different] == ["15 to 25 epochs: who trains longer may win by that."]
    assert [c.what for c in found(seeds(LONG, 0, 1), seeds(BOTH, 0)).different] == ["Test images", "Seeds"]
    assert [c.what for c in found(seeds(LONG, 0), seeds(BOTH, 1)).different] == ["Test images", "Seeds"]
    other = replace(BOTH, augmentation=Augmentation(flip=False), views=1, alpha=0.5)
    assert [(c.what, c.told) for c in found([LONG], [other]).different] == [
        ("Augmentation", "Not the same: augmentation and views of each training image."),
        ("Network", "Not the same: width (alpha)."),
    ]
    assert [c.what for c in found([LONG], [BOTH], left_out=1).different] == ["Test images"]


def test_the_baseline_is_another_network_and_a_sweep_tunes_no_rate():
    small = replace(BOTH, strategy=BASELINE)
    assert [check.what for check in found([LONG], [small]).different] == ["Network"]
    sweep = [[replace(BOTH, strategy=strategy)] for strategy in unfreeze_sweep()]
    assert found(*sweep).is_fair and "None was tuned" in found(*sweep).rates
    assert [c.what for c in found([BOTH], [replace(LONG, patience=3)]).different] == ["Training"]


def test_rates_that_somebody_chose_are_told():
    chosen = replace(BOTH, strategy=Strategy("fine-tuning", (Phase(154, 3e-5, 25),)))
    judged = found([BOTH], [chosen])
    assert judged.is_fair and judged.rates == "Some rates were chosen: 3e-5."


def test_one_setting_or_an_unreadable_one_is_not_judged():
    assert found([BOTH]) is None
    runs = [CorruptRun(name, RunStatus(State.CORRUPT)) for name in "ab"]
    groups = tuple(Group(run.id, "x", (Result(run.id, 0.5, 10, (), Split(0), 0, 1.0),)) for run in runs)
    assert fairness(Verdict(groups, (), 2, 0), runs) is None
