"""A finished run folder follows its contract, and standard tools can open it."""

import csv
import json
import shutil
import signal
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.data.datasets.images.decode import load_image
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest
from core.data.study_plan import plan_study
from core.execution.queue.session import Session
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy
from core.learning.training.evaluation import class_scores, confusion_matrix, scores
from core.learning.training.job import train_run
from core.learning.training.temperature import HIGHEST, LOWEST


@pytest.fixture(scope="module")
def finished(made_up_base, tiny_dataset, tmp_path_factory) -> tuple[RunStore, Run]:
    strategy = Strategy("tiny", (Phase(0, 1e-3, 2), Phase(11, 1e-4, 1)))
    config = RunConfig(data=str(tiny_dataset.root), batch_size=8, image_size=96, weights="random", base="made-up")
    store = RunStore(tmp_path_factory.mktemp("runs"))
    run = store.create_study(plan_study(config, [strategy], tiny_dataset)).runs[0]
    return store, train(store, run)


def train(store: RunStore, run: Run) -> Run:
    """Train the run in this process, as its worker does."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    Session(store, run.id, "cpu").run_job(train_run)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return store.get(run.id)


@pytest.fixture
def folder(finished) -> Path:
    store, run = finished
    return store.path(run.id)


def test_the_status_is_completed_and_names_the_device(finished):
    _, run = finished
    assert run.state is State.COMPLETED and run.status.error is None
    assert run.status.device and run.status.precision == "float32" and run.status.ended > run.status.started


def test_keras_opens_the_model_and_agrees_with_the_predictions(folder, tiny_dataset):
    model = keras.models.load_model(folder / "model.keras")
    rows = list(csv.DictReader((folder / "predictions.csv").open()))
    images = np.stack([load_image(tiny_dataset.root / row["path"], 96) for row in rows])
    probabilities = model.predict(images, verbose=0)
    names = [name.removeprefix("p_") for name in rows[0] if name.startswith("p_")]
    assert [names[i] for i in probabilities.argmax(axis=1)] == [row["predicted"] for row in rows]
    written = np.array([[float(row[f"p_{name}"]) for name in names] for row in rows])
    np.testing.assert_allclose(probabilities, written, atol=1e-4)


def test_the_evaluation_agrees_with_the_predictions(folder):
    evaluation = json.loads((folder / "evaluation.json").read_text())
    rows = list(csv.DictReader((folder / "predictions.csv").open()))
    assert evaluation["split"] == "test" and evaluation["images"] == len(rows) == 10
    correct = sum(row["label"] == row["predicted"] for row in rows)
    assert evaluation["accuracy"] == pytest.approx(correct / len(rows))
    assert np.sum(evaluation["confusion"]) == len(rows)
    assert LOWEST <= evaluation["temperature"] <= HIGHEST


def test_tensorboard_shows_the_same_curves(finished, folder):
    store, run = finished
    epochs = store.metrics(run.id).epochs
    for part, names in (
        ("train", {"epoch_loss": "loss", "epoch_accuracy": "accuracy"}),
        ("validation", {"epoch_loss": "val_loss", "epoch_accuracy": "val_accuracy"}),
    ):
        events = EventAccumulator(str(folder / "tensorboard" / part)).Reload()
        for tag, name in names.items():
            curve = [(event.step, event.value) for event in events.Scalars(tag)]
            assert curve == [(row["epoch"], pytest.approx(row[name])) for row in epochs]
        assert all(abs(event.wall_time - time.time()) < 600 for event in events.Scalars("epoch_loss"))
    top = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert top.Scalars("test_accuracy")[0].value == pytest.approx(store.evaluation(run.id)["accuracy"])
    assert "_hparams_/session_start_info" in top.summary_metadata


def test_rows_have_the_keys_of_the_contract(finished):
    store, run = finished
    metrics = store.metrics(run.id)
    assert [row["epoch"] for row in metrics.epochs] == [1, 2, 3] and metrics.phase_start_epochs == (3,)
    assert {
        "kind",
        "epoch",
        "phase",
        "unfreeze",
        "learning_rate",
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "seconds",
        "trainable_parameters",
    } <= set(metrics.epochs[0])
    assert {"kind", "step", "epoch", "loss", "accuracy"} <= set(metrics.steps[0])


def test_no_partial_file_is_left(folder):
    names = [path.name for path in folder.rglob("*")]
    assert not [name for name in names if name.endswith(".tmp") or name.startswith((".draft-", ".reserve"))]


def test_scores_by_hand():
    confusion = confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    scores = class_scores(confusion)
    assert scores[0] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "images": 2}
    assert scores[2] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "images": 0}


def predictions(*classes: int) -> np.ndarray:
    """Probabilities of three classes that name these ones."""
    return np.eye(3)[list(classes)]


@pytest.mark.faults
def test_means_over_classes_leave_out_those_without_test_images():
    found = scores(predictions(0, 0, 1, 1), np.array([0, 0, 1, 1]), ("a", "b", "absent"), 1.0)
    assert found["accuracy"] == found["macro_f1"] == found["balanced_accuracy"] == 1.0
    assert found["per_class"]["absent"]["images"] == 0 and found["classes"] == ["a", "b", "absent"]
    found = scores(predictions(0, 2, 1, 1), np.array([0, 0, 1, 1]), ("a", "b", "absent"), 1.0)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1) / 2), "an image taken for the absent class is an error of a"
    assert found["balanced_accuracy"] == 0.75


@pytest.mark.faults
def test_naming_the_larger_class_has_a_high_accuracy_and_half_of_the_balanced_one():
    found = scores(predictions(*[0] * 91), np.array([0] * 90 + [1]), ("many", "few", "absent"), 1.0)
    assert found["accuracy"] == pytest.approx(0.989, abs=1e-4) and found["balanced_accuracy"] == 0.5


@pytest.mark.faults
def test_a_missing_test_image_is_noticed_before_any_epoch_and_the_run_resumes_once_it_is_back(tiny_folder, tmp_path):
    dataset = scan(shutil.copytree(tiny_folder, tmp_path / "set"))
    strategy = Strategy("tiny", (Phase(0, 1e-3, 1),))
    config = RunConfig(data=str(dataset.root), batch_size=8, image_size=96, weights="random", base="made-up")
    store = RunStore(tmp_path / "runs")
    run = store.create_study(plan_study(config, [strategy], dataset)).runs[0]
    path = dataset.root / Manifest.from_csv(store.manifest(run.id)).in_split("test")[0].path
    path.rename(tmp_path / "away")
    failed = train(store, run)
    assert failed.state is State.FAILED and store.metrics(run.id).epochs == ()
    assert f"{path}, which is missing." in failed.status.error.message and "--resume" in failed.status.error.advice
    (tmp_path / "away").rename(path)
    store.requeue(run.id)
    assert train(store, run).state is State.COMPLETED
