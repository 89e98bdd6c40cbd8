"""Ensembles are formed of the completed seeds of one setting."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.analysis.results.ensemble import Ensemble, ensemble_members, load_ensemble, model_labels
from core.analysis.results.predictions import Prediction, mean_prediction, prediction_rows
from core.analysis.results.trained_models import ModelError, trained_model
from core.experiment.named_strategies import FEATURE_EXTRACTION, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Strategy

MANIFEST = "path,hash,label,split\nb.jpg,0,b,train\na.jpg,1,a,test\n"


def make(store: RunStore, *planned: tuple[Strategy, int], classes: Sequence[str] = ("a", "b")) -> list[Run]:
    """A study with a completed run and a model for each (strategy, seed)."""
    configs = [RunConfig(strategy=strategy, seed=seed, split_seed=seed) for strategy, seed in planned]
    runs = store.create_study([(config, MANIFEST) for config in configs]).runs
    for run in runs:
        store.write_status(run.id, RunStatus(State.COMPLETED))
        (store.path(run.id) / "model.keras").touch()
        evaluation = {"accuracy": 0.5, "classes": list(classes)}
        (store.path(run.id) / "evaluation.json").write_text(json.dumps(evaluation))
    return [store.get_intact(run.id) for run in runs]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def test_the_members_are_the_completed_seeds_of_a_setting_and_of_a_repeated_seed_the_newest(store):
    two, _, one, failed = make(store, (TWO_PHASE, 0), (FEATURE_EXTRACTION, 0), (TWO_PHASE, 1), (TWO_PHASE, 2))
    store.write_status(failed.id, RunStatus(State.FAILED))
    assert ensemble_members(store.runs()) == [(two, one)]
    (again,) = make(store, (TWO_PHASE, 0))
    assert ensemble_members(store.runs()) == [(one, again)]
    ensemble = load_ensemble(store, (one, again))
    assert ensemble.title == "Two-phase, mean of 2 seeds" and ensemble.classes == ("a", "b")
    assert ensemble.id != ensemble.run.id == one.id and ensemble.image_size == 224


@pytest.mark.faults
def test_members_must_share_their_classes_and_be_several(store):
    with pytest.raises(ModelError, match="at least two completed seeds"):
        Ensemble(())
    runs = [*make(store, (TWO_PHASE, 0)), *make(store, (TWO_PHASE, 1), classes=("a", "c"))]
    with pytest.raises(ModelError, match="the same classes and image size"):
        load_ensemble(store, runs)


def test_models_and_ensembles_have_distinct_labels(store):
    runs = make(store, (TWO_PHASE, 0), (TWO_PHASE, 1))
    models = [load_ensemble(store, runs), *(trained_model(store, run) for run in runs)]
    assert list(model_labels(models).values()) == [
        "Two-phase, seed 0",
        "Two-phase, seed 1",
        "Two-phase, mean of 2 seeds",
    ]
    prediction = Prediction(("a", "b"), (0.4, 0.6))
    (row,) = prediction_rows([("x.jpg", models[0], prediction)])
    assert row["run"] == f"{runs[0].id} {runs[1].id}" and row["strategy"] == "Two-phase, mean of 2 seeds"


def test_the_prediction_of_an_ensemble_is_the_mean_of_its_members():
    maps = [np.full((2, 2, 2), value, np.uint8) for value in (0, 255)]
    first = Prediction(("a", "b"), (0.6, 0.4), maps[0], novelty=0.5)
    second = Prediction(("a", "b"), (0.1, 0.9), maps[1], novelty=1.7)
    mean = mean_prediction([first, second])
    assert mean.probabilities == pytest.approx((0.35, 0.65)) and mean.label == "b"
    assert mean.novelty == pytest.approx(1.1) and mean.heat_map("a").tolist() == [[128, 128], [128, 128]]
    assert mean_prediction([first]) is first
    assert mean_prediction([first, Prediction(("a", "b"), (1, 0), maps[1])]).novelty is None
