"""Runs with a trained model, the default selection, and the classes of a model."""

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
from core.data.datasets.dataset import DataError
from core.data.datasets.scan import scan
from core.data.datasets.split import split
from core.experiment.named_strategies import FEATURE_EXTRACTION, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_store import RunStore

MANIFEST = "path,hash,label,split\nb.jpg,0,b,train\na.jpg,1,a,test\n"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def make(store: RunStore, *states: State, model: bool = True) -> list[Run]:
    """A study with one run for each state; the strategies alternate, and each pair of runs has another seed."""
    planned = [
        (RunConfig(strategy=(FEATURE_EXTRACTION, TWO_PHASE)[i % 2], seed=i // 2), MANIFEST) for i in range(len(states))
    ]
    runs = store.create_study(planned).runs
    for run, state in zip(runs, states, strict=True):
        store.write_status(run.id, RunStatus(state))
        if model and state.is_finished:
            (store.path(run.id) / "model.keras").touch()
    return [store.get(run.id) for run in runs]


def test_only_finished_runs_with_a_model_are_offered(store):
    make(store, State.FAILED, State.COMPLETED, model=False)
    done, stopped, *_ = make(store, State.COMPLETED, State.STOPPED, State.QUEUED, State.STARTING)
    assert {run.id for run in runs_with_models(store, store.runs())} == {done.id, stopped.id}


def test_the_limit_counts_models_and_a_bounded_number_of_runs_is_checked(store):
    older = make(store, State.COMPLETED, State.COMPLETED)
    make(store, *[State.FAILED] * 4, model=False)
    assert runs_with_models(store, store.runs(), limit=1) == [older[1]]
    assert runs_with_models(store, store.runs(), max_checked=4) == []
    assert runs_with_models(store, store.runs(), max_checked=5) == [older[1]]


def test_many_newer_runs_without_a_model_do_not_hide_an_older_model(store):
    (run,) = make(store, State.COMPLETED)
    without = [replace(run, id=f"29991231-000000-000-{number:03d}-two-phase") for number in range(120)]
    assert runs_with_models(store, [*without, run]) == [run] == default_models(store, [*without, run], 6)


def test_the_newest_finished_study_is_the_default(store):
    older = make(store, State.COMPLETED, State.COMPLETED)
    newer = make(store, State.COMPLETED, State.QUEUED)
    assert default_models(store, store.runs(), 6) == older
    store.write_status(newer[1].id, RunStatus(State.STOPPED))
    assert [run.id for run in default_models(store, store.runs(), 6)] == [newer[0].id]


def test_the_default_prefers_strategies_to_further_seeds(store):
    runs = make(store, *[State.COMPLETED] * 6)
    assert default_models(store, store.runs(), 3) == [runs[0], runs[1], runs[2]]
    assert default_models(store, store.runs(), 2) == [runs[0], runs[1]] and len(default_models(store, runs, 9)) == 6


def test_without_runs_there_is_no_default(store):
    assert default_models(store, (), 6) == []


def test_classes_come_from_the_evaluation_or_else_from_the_manifest(store):
    (run,) = make(store, State.COMPLETED)
    assert trained_model(store, run).classes == ("a", "b")
    (store.path(run.id) / "evaluation.json").write_text('{"accuracy": 0.5, "classes": ["x", "y"]}')
    model = trained_model(store, run)
    assert model.classes == ("x", "y") and model.image_size == 224 and model.path.name == "model.keras"


@pytest.mark.faults
@pytest.mark.parametrize("classes", ["3", "null", '"ab"', "[]", "{}", "true"])
def test_damaged_classes_are_replaced_by_those_of_the_manifest(store, classes):
    (run,) = make(store, State.COMPLETED)
    (store.path(run.id) / "evaluation.json").write_text(f'{{"accuracy": 0.5, "classes": {classes}}}')
    assert trained_model(store, run).classes == ("a", "b")


@pytest.mark.faults
@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"\xff\xfe"), Path.unlink])
def test_an_unreadable_manifest_is_a_data_error(store, damage):
    (run,) = make(store, State.COMPLETED)
    damage(store.path(run.id) / "manifest.csv")
    with pytest.raises(DataError, match=r"Expected the manifest\.csv of .* received .* Choose another model\."):
        sample_test_images(store, run, 10)


@pytest.mark.faults
def test_a_missing_model_is_a_model_error(store):
    (run,) = make(store, State.COMPLETED)
    (store.path(run.id) / "manifest.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="Choose another"):
        trained_model(store, run)
    store.delete(run.id)
    with pytest.raises(ModelError, match="Choose another"):
        trained_model(store, run)


@pytest.mark.faults
@pytest.mark.parametrize(
    "damage", [lambda path: path.write_bytes(b"\xff\xfe"), lambda path: path.write_text("x"), Path.unlink]
)
def test_without_a_manifest_each_image_is_scaled_by_itself_and_the_log_names_the_file_once(store, damage, caplog):
    (run,) = make(store, State.COMPLETED)
    (store.path(run.id) / "evaluation.json").write_text('{"accuracy": 0.5, "classes": ["x", "y"]}')
    manifest = store.path(run.id) / "manifest.csv"
    assert trained_model(store, run).scales is None and not caplog.messages, "the manifest of an earlier version"
    damage(manifest)
    assert trained_model(store, run).scales == trained_model(store, run).scales == ()
    (message,) = caplog.messages
    assert message.startswith(f"{manifest} is missing or damaged: each image of more than 8 bits")


@pytest.mark.faults
def test_images_are_found_after_a_folder_was_added_beside_them(store, tiny_folder, tmp_path_factory):
    """Planned when `photos` was the only folder, so that the manifest's paths begin inside it; and the reverse."""
    data = tmp_path_factory.mktemp("data")
    (data / "photos").symlink_to(tiny_folder)
    run = store.create(RunConfig(data=str(data)), split(scan(data)).to_csv())
    (data / "figures").mkdir()
    images = sample_test_images(store, run, 10)
    assert len(images) == 10 and all(path.is_file() for _, path in images)
    assert all(name.count("/") == 1 for name, _ in images)
    (data / "figures").rmdir()
    outer = split(scan(tiny_folder)).to_csv().replace('\n"', '\n"photos/')
    run = store.create(RunConfig(data=str(data)), outer)
    assert all(path.is_file() for _, path in sample_test_images(store, run, 10))


def test_sample_images_are_test_images_of_all_classes(store, tiny_dataset):
    config = RunConfig(data=str(tiny_dataset.root))
    run = store.create(config, split(tiny_dataset).to_csv())
    images = sample_test_images(store, run, 10)
    assert len({name.partition("/")[0] for name, _ in images}) == 10 and all(path.is_file() for _, path in images)
    assert len(sample_test_images(store, run, 4)) == 4 and len(sample_test_images(store, run, 1_000)) == 10
