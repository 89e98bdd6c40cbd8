"""Runs of a store are grouped into settings, whose results are means over seeds."""

import json
from pathlib import Path

import pytest

from core.analysis.results.setting_results import accuracy_on_test, has_several_seeds, setting_results
from core.analysis.results.settings import setting_tables
from core.experiment.named_strategies import FEATURE_EXTRACTION, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Strategy

MANIFEST = "path,hash,label,split\na.jpg,0,a,test\n"


def make(root: Path, *planned: tuple[Strategy, int, float]) -> tuple[RunStore, list[AnyRun]]:
    """A study with one tested run for each (strategy, seed, test accuracy)."""
    store = RunStore(root)
    configs = [RunConfig(strategy=strategy, seed=seed, split_seed=seed) for strategy, seed, _ in planned]
    runs = store.create_study([(config, MANIFEST) for config in configs]).runs
    for run, (_, _, accuracy) in zip(runs, planned, strict=True):
        content = {"accuracy": accuracy, "images": 10, "classes": ["a", "b"], "confusion": [[1, 2], [3, 4]]}
        (store.path(run.id) / "evaluation.json").write_text(json.dumps(content))
    return store, list(runs)


def test_settings_have_the_mean_of_their_seeds_and_differ_by_the_mean_over_common_seeds(tmp_path):
    store, runs = make(
        tmp_path,
        (TWO_PHASE, 0, 0.8),
        (FEATURE_EXTRACTION, 0, 0.5),
        (TWO_PHASE, 1, 0.6),
        (FEATURE_EXTRACTION, 1, 0.7),
        (TWO_PHASE, 2, 0.7),
    )
    two, feature = setting_results(store, runs)
    assert (two.name, feature.name) == ("Two-phase", "Feature extraction")
    assert (two.id, feature.id) == (runs[0].id, runs[1].id) and has_several_seeds([two, feature])
    assert two.mean(accuracy_on_test) == pytest.approx(0.7) and two.tested_seeds == 3
    assert two.interval is None, "it also depends on the splits"
    assert two.difference(accuracy_on_test, feature) == pytest.approx((0.3 - 0.1) / 2)
    assert [run.name for run in two.apart()] == [f"Two-phase, seed {seed}" for seed in range(3)]
    assert two.confusion.confusion.tolist() == [[3, 6], [9, 12]]


def test_repeated_runs_of_a_seed_count_as_one_seed(tmp_path):
    store, runs = make(tmp_path, (TWO_PHASE, 0, 0.8), (TWO_PHASE, 0, 0.6), (TWO_PHASE, 1, 0.5))
    (two,) = setting_results(store, runs)
    assert two.tested_seeds == 2 and two.mean(accuracy_on_test) == pytest.approx((0.7 + 0.5) / 2)


def test_single_runs_keep_their_labels(tmp_path):
    """Seeds are part of a label only while no setting has several."""
    store, runs = make(tmp_path, (TWO_PHASE, 0, 0.8), (FEATURE_EXTRACTION, 1, 0.5))
    assert [setting.name for setting in setting_results(store, runs)] == ["Two-phase", "Feature extraction"]
    (store.path(runs[1].id) / "config.json").write_text("{")
    runs = [store.get(run.id) for run in runs]
    assert [setting.name for setting in setting_results(store, runs)] == ["Two-phase", runs[1].id]


def test_the_settings_list_the_seeds_of_their_runs(tmp_path):
    _, runs = make(tmp_path, (TWO_PHASE, 0, 0.8), (TWO_PHASE, 3, 0.6), (FEATURE_EXTRACTION, 1, 0.5))
    tables = setting_tables(runs)
    assert [tables[run.id]["Seed"] for run in (runs[0], runs[2])] == ["0, 3", "1"] and len(tables) == 2
