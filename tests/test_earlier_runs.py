"""A run folder written by version 0.1.0 before the code was rearranged: it opens, predicts and resumes.

It was stopped after the first of two epochs of phase 1 of two-phase, on the sample set from the sample base. The
expected values were computed by the code that wrote it.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.analysis.results.summary import summarise
from core.data.sample_set.generate import SAMPLE_CLASSES, draw_image
from core.execution.queue.session import Session
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.runs.run import Run, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy
from core.learning.inference.predictor import Predictor
from core.learning.training.job import train_run

FIXTURE = Path(__file__).parent / "fixtures" / "run_0_1_0"
CONFIG = RunConfig(
    data=SAMPLE,
    strategy=Strategy("two-phase", (Phase(0, 1e-3, 2), Phase(11, 1e-4, 1))),
    image_size=96,
    alpha=0.35,
    weights="sample",
)
FIRST_CLASS = [0.81735, 0.48484, 0.16553]
"""Probabilities of the first class for the first three classes' images number 5."""


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    shutil.copytree(FIXTURE, tmp_path / "runs")
    return RunStore(tmp_path / "runs")


def test_it_opens(store):
    (run,) = store.runs()
    assert isinstance(run, Run) and run.config == CONFIG and run.state is State.STOPPED
    assert (run.status.device, run.status.beat) == ("AMD EPYC, 2 cores", 21)
    summary, metrics = summarise(store, run), store.metrics(run.id)
    assert (summary.epochs, summary.trainable_parameters) == (1, 165_514)
    assert summary.best_val_accuracy == pytest.approx(0.3) and len(metrics.steps) == 2 and metrics.skipped == 0


def test_it_predicts(store):
    images = np.stack([draw_image(label, 5, 96) for label in SAMPLE_CLASSES[:3]])
    probabilities = Predictor(store.path(store.runs()[0].id) / "model.keras").probabilities(images)
    assert probabilities[:, 0] == pytest.approx(FIRST_CLASS, abs=1e-3)


@pytest.mark.slow
def test_it_resumes_in_its_phase_from_its_weights(store):
    run = store.runs()[0]
    store.requeue(run.id)
    Session(store, run.id, "cpu").run_job(train_run)
    rows = store.metrics(run.id).epochs
    assert [(row["epoch"], row["phase"], row["unfreeze"]) for row in rows] == [(1, 1, 0), (2, 1, 0), (3, 2, 11)]
    assert rows[0]["val_loss"] == pytest.approx(1.94009, abs=1e-4)
    # the version that wrote it drew other dropout, with which epochs 2 and 3 had 1.737 and 1.676
    assert [row["val_loss"] for row in rows[1:]] == pytest.approx([1.8, 1.7], abs=0.1)
    assert store.get(run.id).state is State.COMPLETED and store.evaluation(run.id)["accuracy"] > 0.4
