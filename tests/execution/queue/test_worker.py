"""Real training in worker processes, also with killed workers."""

import json
import random
import time
from dataclasses import replace

import pytest
from harness import wait_for, worker_process

from core.backbones.registry import DEFAULT_BASE
from core.data.datasets.dataset import Dataset
from core.data.study_plan import plan_study
from core.execution.queue.launcher import Launcher
from core.execution.queue.session import Session
from core.experiment.named_strategies import unfreeze_sweep
from core.experiment.parameter_counts import trainable_parameters
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


def start(store: RunStore, launcher: Launcher, config: RunConfig, dataset: Dataset, *phases: Phase) -> Run:
    strategy = Strategy("tiny", phases)
    run = store.create_study(plan_study(config, [strategy], dataset)).runs[0]
    launcher.submit(run.id)
    return run


def test_a_session_lists_the_depths_of_the_queued_runs_of_its_study(store, tiny_config):
    manifest = "path,hash,label,split\na.jpg,0,a,train\n"
    sweep = [replace(tiny_config, strategy=strategy) for strategy in unfreeze_sweep([30, 0, 11, 56])]
    study = store.create_study([(config, manifest) for config in [*sweep, replace(sweep[3], seed=1)]])
    store.write_status(study.runs[2].id, RunStatus(State.STOPPED))
    assert Session(store, study.runs[0].id, "cpu").depths_of_waiting_runs() == {0, 56}
    assert Session(store, study.runs[4].id, "cpu").depths_of_waiting_runs() == set(), (
        "runs with another seed train on other images"
    )


def raw_epochs(store: RunStore, run: Run) -> list[int]:
    """The epochs as the file has them, without the repairs of the reader."""
    lines = (store.path(run.id) / "metrics.jsonl").read_text().splitlines()
    return [row["epoch"] for row in map(json.loads, lines) if row["kind"] == "epoch"]


def test_a_run_killed_within_an_epoch_and_resumed_has_every_epoch_once(store, launcher, tiny_config, tiny_dataset):
    phases = Phase(0, 1e-3, 30), Phase(11, 1e-4, 2)
    run = start(store, launcher, tiny_config, tiny_dataset, *phases)
    wait_for(lambda: len(store.metrics(run.id).epochs) >= 3, 120)
    worker_process(store.get(run.id).status).kill()
    wait_for(lambda: store.get(run.id).state is State.FAILED, 5)
    assert store.get(run.id).status.error.kind == "killed by signal 9"
    before = len(store.metrics(run.id).epochs)
    launcher.resume(run.id)
    wait_for(lambda: store.get(run.id).state is State.COMPLETED, 200)
    metrics = store.metrics(run.id)
    assert 3 <= before < 32 and set(raw_epochs(store, run)) == set(range(1, 33))
    assert_complete(metrics, phases)
    assert store.evaluation(run.id)["images"] == 10 and (store.path(run.id) / "model.keras").exists()


def test_stop_saves_the_best_model_and_evaluates_no_test_images(store, launcher, tiny_config, tiny_dataset):
    run = start(store, launcher, tiny_config, tiny_dataset, Phase(0, 1e-3, 500))
    wait_for(lambda: len(store.metrics(run.id).epochs) >= 1, 120)
    launcher.cancel(run.id)
    wait_for(lambda: store.get(run.id).state is State.STOPPED, 30)
    assert (store.path(run.id) / "model.keras").exists() and store.evaluation(run.id) is None


def test_missing_weights_fail_in_one_line_and_the_queue_continues(store, launcher, tiny_config, tiny_dataset):
    failing = start(store, launcher, replace(tiny_config, weights="/nowhere.h5"), tiny_dataset, Phase(0, 1e-3, 1))
    next_run = start(store, launcher, tiny_config, tiny_dataset, Phase(0, 1e-3, 1))
    wait_for(lambda: store.get(next_run.id).state is State.COMPLETED, 120)
    error = store.get(failing.id).status.error
    assert store.get(failing.id).state is State.FAILED and error.kind == "input" and "/nowhere.h5" in error.message


@pytest.mark.slow
def test_six_random_kills_lose_and_repeat_no_epoch(store, launcher, tiny_config, tiny_dataset):
    phases = tuple(Phase(unfreeze, 1e-4, 60) for unfreeze in (0, 11, 30))
    run = start(store, launcher, tiny_config, tiny_dataset, *phases)
    rng, killed_at = random.Random(8), []
    while len(killed_at) < 6:
        if len(killed_at) % 2:  # while epochs are being trained, however slow the machine is
            before = len(store.metrics(run.id).epochs)
            wait_for(lambda before=before: len(store.metrics(run.id).epochs) > before, 120)
        time.sleep(rng.uniform(0.1, 3.0))
        process = worker_process(store.get(run.id).status)
        if process is None:  # its worker has not started yet
            continue
        process.kill()
        wait_for(lambda: store.get(run.id).state is State.FAILED, 10)
        killed_at.append(len(store.metrics(run.id).epochs))
        launcher.resume(run.id)
    assert len(set(killed_at)) > 3, "the kills came at different epochs"
    wait_for(lambda: store.get(run.id).state is State.COMPLETED, 600)
    assert set(raw_epochs(store, run)) == set(range(1, 181))
    assert_complete(store.metrics(run.id), phases)


def assert_complete(metrics: Metrics, phases: tuple[Phase, ...]) -> None:
    """Every epoch occurs once, in the right phase, with the right layers unfrozen."""
    planned = [(number, phase.unfreeze) for number, phase in enumerate(phases, start=1) for _ in range(phase.epochs)]
    assert [row["epoch"] for row in metrics.epochs] == list(range(1, len(planned) + 1))
    assert [(row["phase"], row["unfreeze"]) for row in metrics.epochs] == planned
    for row in metrics.epochs:
        assert row["trainable_parameters"] == trainable_parameters(DEFAULT_BASE, 0.35, 10, row["unfreeze"])
