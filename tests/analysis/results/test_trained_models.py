"""Which runs have a model to ask, and which of them come first."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.analysis.results.trained_models import (
    ModelError,
    default_models,
    runs_with_models,
    sample_test_images,
    trained_model,
)
from core.data.datasets.scan import DataError
from core.data.datasets.split import split
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import FEATURE_EXTRACTION, TWO_PHASE

MANIFEST = "path,hash,label,split\nb.jpg,0,b,train\na.jpg,1,a,test\n"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def make(store: RunStore, *states: State, model: bool = True) -> list[Run]:
    """A study with a run for each state: its strategies alternate, and each pair has another seed."""
    planned = [
        (RunConfig(strategy=(FEATURE_EXTRACTION, TWO_PHASE)[i % 2], seed=i // 2), MANIFEST) for i in range(len(states))
    ]
    runs = store.create_study(planned).runs
    for run, state in zip(runs, states, strict=True):
        store.write_status(run.id, RunStatus(state))
        if model and state.is_finished:
            (store.path(run.id) / "model.keras").touch()
    return [store.get(run.id) for run in runs]


def test_only_finished_runs_with_a_model_can_be_asked(store):
    make(store, State.FAILED, State.COMPLETED, model=False)
    done, stopped, *_ = make(store, State.COMPLETED, State.STOPPED, State.QUEUED, State.STARTING)
    assert {run.id for run in runs_with_models(store, store.runs())} == {done.id, stopped.id}


def test_models_are_counted_not_runs_and_the_disk_is_asked_about_a_bounded_number(store):
    older = make(store, State.COMPLETED, State.COMPLETED)
    make(store, *[State.FAILED] * 4, model=False)
    assert runs_with_models(store, store.runs(), limit=1) == [older[1]]
    assert runs_with_models(store, store.runs(), looked_at=4) == []
    assert runs_with_models(store, store.runs(), looked_at=5) == [older[1]]


def test_many_newer_runs_without_a_model_do_not_hide_the_one_that_has_one(store):
    (run,) = make(store, State.COMPLETED)
    without = [replace(run, id=f"29991231-000000-000-{number:03d}-two-phase") for number in range(120)]
    assert runs_with_models(store, [*without, run]) == [run] == default_models(store, [*without, run], 6)


def test_the_newest_study_that_has_ended_is_asked_by_default(store):
    older = make(store, State.COMPLETED, State.COMPLETED)
    newer = make(store, State.COMPLETED, State.QUEUED)
    assert default_models(store, store.runs(), 6) == older
    store.write_status(newer[1].id, RunStatus(State.STOPPED))
    assert [run.id for run in default_models(store, store.runs(), 6)] == [newer[0].id]


def test_of_many_seeds_each_strategy_comes_first(store):
    runs = make(store, *[State.COMPLETED] * 6)
    assert default_models(store, store.runs(), 3) == [runs[0], runs[1], runs[2]]
    assert default_models(store, store.runs(), 2) == [runs[0], runs[1]] and len(default_models(store, runs, 9)) == 6


def test_without_any_there_is_nothing_to_ask(store):
    assert default_models(store, (), 6) == []


def test_the_classes_are_those_of_the_evaluation_else_of_the_manifest(store):
    (run,) = make(store, State.COMPLETED)
    assert trained_model(store, run).classes == ("a", "b")
    (store.path(run.id) / "evaluation.json").write_text('{"accuracy": 0.5, "classes": ["x", "y"]}')
    model = trained_model(store, run)
    assert model.classes == ("x", "y") and model.image_size == 224 and model.path.name == "model.keras"


@pytest.mark.faults
@pytest.mark.parametrize("classes", ["3", "null", '"ab"', "[]", "{}", "true"])
def test_damaged_classes_are_those_of_the_manifest(store, classes):
    (run,) = make(store, State.COMPLETED)
    (store.path(run.id) / "evaluation.json").write_text(f'{{"accuracy": 0.5, "classes": {classes}}}')
    assert trained_model(store, run).classes == ("a", "b")


@pytest.mark.faults
@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"\xff\xfe"), Path.unlink])
def test_a_manifest_that_cannot_be_read_is_an_error_in_words(store, damage):
    (run,) = make(store, State.COMPLETED)
    damage(store.path(run.id) / "manifest.csv")
    with pytest.raises(DataError, match=r"Expected the manifest\.csv of .* received .* Choose another model\."):
        sample_test_images(store, run, 10)


@pytest.mark.faults
def test_what_is_gone_is_an_error_in_words(store):
    (run,) = make(store, State.COMPLETED)
    (store.path(run.id) / "manifest.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="Choose another"):
        trained_model(store, run)
    store.delete(run.id)
    with pytest.raises(ModelError, match="Choose another"):
        trained_model(store, run)


def test_images_to_try_are_of_the_test_split_and_of_all_classes(store, tiny_dataset):
    config = RunConfig(data=str(tiny_dataset.root))
    run = store.create(config, split(tiny_dataset).to_csv())
    images = sample_test_images(store, run, 10)
    assert len({name.partition("/")[0] for name, _ in images}) == 10 and all(path.is_file() for _, path in images)
    assert len(sample_test_images(store, run, 4)) == 4 and len(sample_test_images(store, run, 1_000)) == 10
