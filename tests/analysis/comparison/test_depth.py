"""The depth curve: its runs, its description and its chart."""

from dataclasses import replace

import pytest

from core.analysis.charts.common import chart_points
from core.analysis.charts.depth import depth_chart
from core.analysis.comparison.depth import common_base, depth_curve, describe_depths, guideline_depth
from core.analysis.comparison.replicates import Group, Result, Split
from core.analysis.results.summary import Summary
from core.backbones.registry import DEFAULT_BASE
from core.experiment.named_strategies import TWO_PHASE, unfreeze_sweep
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.strategy import Strategy, with_phases

GAPS = 0.1


def runs_of(strategies: list[Strategy], seeds: int = 1, **settings) -> list[Run]:
    return [
        Run(
            f"{strategy.name}-{settings.get('alpha', '')}-{seed}",
            RunConfig(strategy=strategy, seed=seed, split_seed=seed, **settings),
            RunStatus(State.COMPLETED),
        )
        for strategy in strategies
        for seed in range(seeds)
    ]


def summary(run: Run) -> Summary:
    return Summary(
        run.id,
        run.config.strategy.name,
        run.title,
        run.config.seed,
        "completed",
        2,
        2,
        0.8,
        0.5,
        GAPS,
        0.8,
        0.8,
        100,
        1_000,
        (),
        10.0,
        None,
        None,
    )


def groups_of(runs: list[Run], accuracy: dict[int, list[float]]) -> list[Group]:
    found: dict[RunConfig, list[Run]] = {}
    for run in runs:
        found.setdefault(run.config.without_seeds(), []).append(run)
    return [
        Group(
            config.strategy.title,
            "data",
            tuple(
                Result(
                    run.id,
                    accuracy[config.counted_strategy.phases[-1].unfreeze][run.config.seed],
                    100,
                    ("a", "b"),
                    Split(run.config.seed, 0.2, 600),
                    run.config.seed,
                    60.0,
                )
                for run in members
            ),
        )
        for config, members in found.items()
    ]


def curve(accuracy: dict[int, list[float]]):
    runs = runs_of(list(unfreeze_sweep(list(accuracy))), len(next(iter(accuracy.values()))))
    return depth_curve(groups_of(runs, accuracy)[::-1], runs, [summary(run) for run in runs])


def test_runs_that_differ_only_in_depth_make_a_curve():
    found = curve({30: [0.8, 0.82], 0: [0.7, 0.72], 154: [0.75, 0.7]})
    assert [depth.layers for depth in found] == [0, 30, 154]
    assert found[1].accuracies == (0.8, 0.82) and found[1].seconds == (60.0, 60.0) and found[1].gaps == (GAPS, GAPS)


def test_runs_with_other_differences_make_no_curve():
    runs = runs_of([*unfreeze_sweep([0, 30])]) + runs_of([*unfreeze_sweep([56])], alpha=0.5)
    groups = groups_of(runs, {0: [0.7], 30: [0.8], 56: [0.9]})
    assert depth_curve(groups, runs, [summary(run) for run in runs]) == ()
    slower = replace(TWO_PHASE.phases[1], learning_rate=1e-5, unfreeze=56)
    runs = runs_of([*unfreeze_sweep([0, 30]), Strategy("unfreeze-56", (TWO_PHASE.phases[0], slower))])
    groups = groups_of(runs, {0: [0.7], 30: [0.8], 56: [0.9]})
    assert depth_curve(groups, runs, [summary(run) for run in runs]) == ()


def test_two_phase_is_a_point_of_the_curve():
    runs = runs_of([TWO_PHASE, *unfreeze_sweep([0, 56])])
    groups = groups_of(runs, {0: [0.7], 30: [0.8], 56: [0.9]})
    assert [depth.layers for depth in depth_curve(groups, runs, [summary(run) for run in runs])] == [0, 30, 56]


def test_two_phase_and_the_sweep_run_of_the_same_depth_are_one_point():
    runs = runs_of([TWO_PHASE, *unfreeze_sweep([0, 30, 56])])
    groups = groups_of(runs, {0: [0.7], 30: [0.8], 56: [0.9]})
    found = depth_curve(groups, runs, [summary(run) for run in runs])
    assert [len(depth.accuracies) for depth in found] == [1, 2, 1]


def test_the_description_says_whether_the_ranges_over_seeds_overlap():
    assert describe_depths(curve({0: [0.7, 0.71] * 3, 30: [0.8, 0.82] * 3, 56: [0.72, 0.74] * 3})) == (
        "Unfreezing the top 30 layers did best: 81.0% on the test images. "
        "Its worst seed did better than the best seed of any other depth."
    )
    assert describe_depths(curve({0: [0.7, 0.71] * 3, 30: [0.8, 0.82] * 3, 56: [0.74, 0.8] * 3})).endswith(
        "Its range over seeds overlaps with those at 56 layers; see Differences for tests."
    )
    assert "may be chance" in describe_depths(curve({0: [0.7, 0.71], 30: [0.8, 0.82], 56: [0.72, 0.74]}))
    assert "may be chance" in describe_depths(curve({0: [0.9], 30: [0.8], 56: [0.7]}))
    assert describe_depths(curve({0: [0.9], 30: [0.8], 56: [0.7]})).startswith("The head alone did best: 90.0%")


def test_the_chart_shows_the_mean_of_the_seeds_within_a_band():
    depths = curve({0: [0.7, 0.72], 30: [0.8, 0.84], 56: [0.75, 0.75]})
    points = {(point["name"], point["x"]): point["y"] for point in chart_points(depth_chart(depths, "accuracy"))}
    assert points["mean of the seeds", 30] == pytest.approx(0.82)
    band = next(trace for trace in depth_chart(depths, "accuracy").data if trace.fill == "toself")
    assert list(band.x) == [0, 30, 56, 56, 30, 0] and list(band.y) == [0.72, 0.84, 0.75, 0.75, 0.8, 0.7]
    assert [point["y"] for point in chart_points(depth_chart(depths, "seconds"))][-3:] == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="received 'loss'"):
        depth_chart(depths, "loss")


def test_one_seed_has_no_band_and_the_guideline_is_marked():
    runs = runs_of([*unfreeze_sweep([0, 30, 56])])
    groups = groups_of(runs, {0: [0.7], 30: [0.8], 56: [0.9]})
    guideline = guideline_depth(groups, common_base(runs))
    assert (guideline.low, guideline.high) == (10, 20) and "600 images" in guideline.reason
    figure = depth_chart(depth_curve(groups, runs, [summary(run) for run in runs]), "accuracy", guideline, 30)
    assert [trace.name for trace in figure.data] == ["one seed"]
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(10, 20), (30, 30)]


def test_the_name_of_a_sweep_strategy_follows_its_depth():
    strategy = unfreeze_sweep([30])[0]
    head, tuned = strategy.phases
    deeper = with_phases(strategy, (head, replace(tuned, unfreeze=56)), DEFAULT_BASE.layers)
    assert (strategy.title, deeper.title) == ("Top 30 layers", "Top 56 layers") and deeper.name == "unfreeze-56"
    assert unfreeze_sweep([0])[0].title == "Head alone"
