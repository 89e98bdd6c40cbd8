"""The rate sweep: its runs, the choice of the best rate, its description and its charts."""

from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.charts.common import chart_points
from core.analysis.charts.rates import rates_chart
from core.analysis.comparison.rates import RateResult, RateSweep, describe_rates, rate_sweep_of
from core.analysis.comparison.replicates import Group, Result, Split
from core.analysis.results.summary import Summary
from core.analysis.statistics.random_effects import mean_interval
from core.experiment.named_strategies import SWEPT_RATES, TWO_PHASE, rate_sweep
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.strategy import Phase, Strategy

RATES = (1e-4, 1e-3, 1e-2, 5e-2)


def runs_of(rates: tuple[float, ...] = RATES, seeds: int = 1, **settings) -> list[Run]:
    return [
        Run(
            f"{strategy.name}-{settings}-{seed}",
            RunConfig(strategy=strategy, seed=seed, split_seed=seed, **settings),
            RunStatus(State.COMPLETED),
        )
        for strategy in rate_sweep(rates)
        for seed in range(seeds)
    ]


def summary(run: Run, validation: float | None = 0.8) -> Summary:
    row = (run.id, "", run.title, run.config.seed, "completed", 2, 2, validation, 0.5, 0.1, 0.7, 0.7, 100, 1, (), 9.0)
    return Summary(*row, None, None)


def found_in(runs: list[Run]) -> RateSweep | None:
    by_setting: dict[RunConfig, list[Run]] = {}
    for run in runs:
        by_setting.setdefault(run.config.without_seeds(), []).append(run)
    groups = [
        Group(
            config.strategy.title,
            "data",
            tuple(
                Result(run.id, 0.7, 100, ("a", "b"), Split(run.config.seed, 0.2), run.config.seed, 60.0)
                for run in members
            ),
        )
        for config, members in by_setting.items()
    ]
    return rate_sweep_of(groups[::-1], runs, [summary(run) for run in runs], 0.01)


def sweep(validation: dict[float, list[float]], test: float = 0.7, dropout: float = 0.5, margin: float = 0.01):
    results = (
        RateResult(rate, dropout, f"run-{rate}", tuple(values), (test,) * len(values), (0.5,) * len(values), 0.2)
        for rate, values in validation.items()
    )
    return RateSweep(tuple(results), margin)


def test_runs_that_differ_only_in_rate_and_dropout_make_a_sweep():
    runs = runs_of(seeds=2) + runs_of(seeds=2, dropout=0.2) + runs_of((1e-3, 1e-2), alpha=0.5)
    found = found_in(runs)
    assert [(result.dropout, result.rate) for result in found.results] == [(p, r) for p in (0.2, 0.5) for r in RATES]
    assert found.dropouts == (0.2, 0.5) and found.results[0].validation == (0.8, 0.8) and found.margin == 0.01
    assert found.results[4].run_id == runs[0].id and found.results[0].overlap == 0.2


def test_other_differences_too_few_rates_and_other_phases_make_no_sweep():
    assert found_in(runs_of((1e-3, 1e-2)) + runs_of((5e-2,), batch_size=8)) is None
    assert found_in(runs_of((1e-3, 1e-2), dropout=0.2) + runs_of((1e-3, 1e-2))) is None
    deeper = [replace(run, config=replace(run.config, strategy=TWO_PHASE)) for run in runs_of((1e-4,))]
    assert found_in(runs_of((1e-3, 1e-2)) + deeper) is None


def test_feature_extraction_is_a_point_of_the_sweep_and_joins_the_run_at_its_rate():
    plain = RunConfig(strategy=Strategy("feature-extraction", (Phase(0, 1e-3, 15),)))
    found = found_in([*runs_of(), Run("plain", plain, RunStatus(State.COMPLETED))])
    assert [(result.rate, len(result.test)) for result in found.results] == [(1e-4, 1), (1e-3, 2), (1e-2, 1), (5e-2, 1)]


def test_runs_without_a_validation_accuracy_are_left_out():
    runs = runs_of()
    groups = [Group(run.title, "data", (Result(run.id, 0.7, 100, (), Split(0, 0.2), 0, 60.0),)) for run in runs]
    rows = [summary(run, None if number else 0.8) for number, run in enumerate(runs)]
    assert rate_sweep_of(groups, runs, rows, 0.01) is None


accuracies = st.lists(st.floats(0, 1), min_size=2, max_size=3)


@given(st.dictionaries(st.sampled_from(SWEPT_RATES), accuracies, min_size=3), st.floats(0, 0.2))
def test_the_best_rate_is_within_a_range_of_equivalent_ones_and_no_more_seeds_exist_elsewhere(validation, margin):
    found = sweep(dict(sorted(validation.items())), margin=margin)
    best, near = found.best, found.equivalent
    assert len(best.validation) == max(len(values) for values in validation.values())
    assert best in near and all(
        fmean(r.validation) >= fmean(best.validation) - margin - 1e-9 for r in near if r != best
    )
    assert near == found.results[found.results.index(near[0]) : found.results.index(near[-1]) + 1]
    assert describe_rates(found).startswith("Highest validation accuracy: ")
    low, high = best.interval(best.validation)
    assert 0 <= low <= high <= 1 and low <= fmean(best.validation) + 1e-9


def test_the_interval_is_that_of_the_mean_over_seeds():
    result = sweep({1e-3: [0.8, 0.82, 0.81]}).results[0]
    assert result.interval(result.validation) == pytest.approx(mean_interval(np.array([0.8, 0.82, 0.81]), 0.2))
    assert result.interval((0.8,)) is None


def test_test_accuracy_never_chooses_and_equal_rates_are_ordered_by_loss():
    found = sweep({1e-4: [0.8], 1e-3: [0.9], 1e-2: [0.9]})
    low, middle, high = found.results
    found = replace(found, results=(replace(low, test=(1.0,)), middle, replace(high, losses=(0.4,))))
    assert found.best.rate == 1e-2


def test_the_description_says_how_much_the_rate_matters_and_what_to_report():
    text = describe_rates(sweep({1e-4: [0.5, 0.52, 0.51], 1e-3: [0.9] * 3, 1e-2: [0.895] * 3, 5e-2: [0.7] * 3}))
    assert text == (
        "Highest validation accuracy: 90.0% at a learning rate of 1e-3, on average. The rate matters: at 1e-4 it is "
        "39.0 points lower; from 1e-3 to 1e-2 it is within 1.0 points of that. The test accuracy there, 70.0%, is the "
        "one to report: the test images took no part in the choice. Do not choose a rate by its "
        "test accuracy."
    )
    flat = describe_rates(sweep({1e-4: [0.9], 1e-3: [0.905], 1e-2: [0.9]}))
    assert "The rate hardly matters here: from 1e-4 to 1e-2, all are within 1.0 points of it." in flat
    assert "With fewer than 3 seeds" in flat
    edge = describe_rates(sweep({1e-4: [0.9] * 3, 1e-3: [0.8] * 3, 1e-2: [0.7] * 3}))
    assert "no rate next to it is within 1.0 points" in edge and "a lower one may be better still." in edge


def test_several_dropouts_are_compared_each_at_its_best_rate():
    little, much = sweep({1e-4: [0.6], 1e-3: [0.8], 1e-2: [0.7]}, dropout=0.2), sweep({1e-3: [0.9], 1e-2: [0.95]})
    text = describe_rates(RateSweep((*little.results, *much.results), 0.01))
    assert "95.0% at a learning rate of 1e-2 and a dropout of 0.5." in text
    assert "Each dropout at its own best rate: 80.0% with 0.2 and 95.0% with 0.5." in text


def test_the_chart_has_a_line_and_a_band_per_dropout_and_a_star_at_the_best():
    one = sweep({1e-4: [0.6, 0.62], 1e-3: [0.8, 0.84], 1e-2: [0.83, 0.82]}, test=0.75)
    figure = rates_chart(one, "validation")
    assert [trace.name for trace in figure.data] == [
        "95% interval of the mean",
        "mean of the seeds",
        "best by validation",
    ]
    points = {(point["name"], point["x"]): point["y"] for point in chart_points(figure)}
    assert points["mean of the seeds", 1e-3] == pytest.approx(0.82) and figure.layout.xaxis.type == "log"
    assert points["best by validation", 1e-2] == pytest.approx(0.825)
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(1e-3, 1e-2)]
    test = rates_chart(one, "test")
    assert test.layout.yaxis.range == figure.layout.yaxis.range and set(test.data[1].y) == {0.75}
    two = RateSweep((*sweep({1e-4: [0.6], 1e-3: [0.8], 1e-2: [0.9]}, dropout=0.2).results, *one.results), 0.01)
    names = [trace.meta or trace.name for trace in rates_chart(two, "test").data]
    assert names == ["dropout 0.2", "dropout 0.5, 95% interval of the mean", "dropout 0.5", "best by validation"]
    with pytest.raises(ValueError, match="received 'loss'"):
        rates_chart(one, "loss")


def test_one_seed_has_no_band():
    figure = rates_chart(sweep({1e-4: [0.6], 1e-3: [0.8], 1e-2: [0.7]}), "test")
    assert [trace.name for trace in figure.data] == ["one seed", "best by validation"] and not figure.layout.shapes
