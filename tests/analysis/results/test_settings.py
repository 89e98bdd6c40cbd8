"""Labels, colours and search words of runs."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from core.analysis.charts.palette import STRATEGY_COLOURS, run_colours
from core.analysis.results.search import search_runs
from core.analysis.results.settings import differing_settings, run_labels, settings_of
from core.experiment.named_strategies import FEATURE_EXTRACTION, FINE_TUNING, STRATEGIES, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import CorruptRun, Run, RunStatus, State
from core.experiment.strategy import Phase


def runs_of(configs: Sequence[RunConfig], study: str = "20261124-015555-288") -> list[Run]:
    return [
        Run(f"{study}-{i:02d}-{config.strategy.name}", config, RunStatus(State.COMPLETED))
        for i, config in enumerate(configs, start=1)
    ]


deep = replace(TWO_PHASE, phases=(TWO_PHASE.phases[0], Phase(56, 1e-4, 10)))
configs = st.builds(
    RunConfig,
    strategy=st.sampled_from([*STRATEGIES.values(), deep]),
    seed=st.integers(0, 2),
    image_size=st.sampled_from([96, 224]),
    weights=st.sampled_from(["imagenet", "random"]),
)


@given(st.lists(configs, min_size=1, max_size=8))
def test_labels_are_unique_and_every_run_has_a_colour(drawn):
    runs = runs_of(drawn)
    assert len(set(run_labels(runs).values())) == len(runs)
    assert set(run_colours(runs)) == {run.id for run in runs}


def test_seeds_of_a_strategy_share_its_colour():
    runs = runs_of([RunConfig(strategy=s, seed=seed) for seed in (0, 1) for s in STRATEGIES.values()])
    assert [run_colours(runs)[run.id] for run in runs] == [STRATEGY_COLOURS[name] for name in STRATEGIES] * 2


def test_another_setting_of_a_strategy_has_another_colour():
    runs = runs_of([RunConfig(strategy=s) for s in (TWO_PHASE, deep, replace(deep, name="other"))])
    colours = list(run_colours(runs).values())
    assert colours[0] == STRATEGY_COLOURS["two-phase"] and len(set(colours)) == 3


def test_the_colour_of_a_setting_does_not_depend_on_the_other_runs():
    depths = [replace(TWO_PHASE, phases=(TWO_PHASE.phases[0], Phase(n, 1e-4, 10))) for n in (30, 11, 20, 40, 56, 80)]
    runs = runs_of([RunConfig(strategy=strategy) for strategy in depths])
    alone = {run.id: run_colours([runs[0], run])[run.id] for run in runs[1:]}
    assert len(set(alone.values())) > 1, "colours depend on the setting"
    for earlier, later in combinations(runs[1:], 2):
        colours = run_colours([runs[0], earlier, later])
        assert colours[earlier.id] == alone[earlier.id], "the earlier of two keeps its colour"
        assert colours[later.id] != colours[earlier.id]
        assert colours[later.id] == alone[later.id] or alone[later.id] == alone[earlier.id]
    seeds = runs_of(
        [RunConfig(strategy=depths[2], seed=seed, split_seed=seed) for seed in (0, 1)], "20261124-015555-289"
    )
    assert {run_colours([runs[0], run])[run.id] for run in seeds} == {alone[runs[2].id]}


def test_labels_contain_only_what_differs():
    alone = run_labels(runs_of([RunConfig(strategy=s) for s in STRATEGIES.values()]))
    assert list(alone.values()) == ["Feature extraction", "Fine-tuning all layers", "Two-phase"]
    seeds = run_labels(runs_of([RunConfig(strategy=FINE_TUNING, seed=s, split_seed=s) for s in (3, 4)]))
    assert list(seeds.values()) == ["Fine-tuning all layers, seed 3", "Fine-tuning all layers, seed 4"]
    corrupt = CorruptRun("20261124-015555-288-09-two-phase", RunStatus(State.CORRUPT))
    assert run_labels([corrupt]) == {corrupt.id: corrupt.id} and run_colours([corrupt])


def test_differing_settings_are_found():
    tables = [settings_of(RunConfig(strategy=FEATURE_EXTRACTION)), settings_of(RunConfig(strategy=TWO_PHASE))]
    assert differing_settings(tables) == ["Strategy", "Phase 2"] and differing_settings(tables[:1]) == []


def test_the_precision_of_cached_features_is_named_where_it_differs():
    exact, fastest = (RunConfig(frozen_precision=precision) for precision in ("exact", "fastest"))
    assert differing_settings([settings_of(exact), settings_of(fastest)]) == ["Precision of cached features"]
    labels = list(run_labels(runs_of([exact, fastest])).values())
    assert labels == [f"Two-phase, precision of cached features {name}" for name in ("exact", "fastest")]
    assert settings_of(replace(exact, reuse=False)) == settings_of(replace(fastest, reuse=False))


def test_runs_are_found_by_words_from_settings_state_and_date():
    runs = runs_of([RunConfig(strategy=s, data="/photos/My Waste", seed=7) for s in STRATEGIES.values()])
    for text, matches in (("two waste", 1), ("COMPLETED 2026-11-24", 3), ("seed 7", 3), ("", 3), ("seed 9", 0)):
        assert len(list(search_runs(runs, text))) == matches
