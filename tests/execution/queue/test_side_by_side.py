"""Heads of a study train side by side in one worker, each as a run of its own."""

import json
import os
import signal
from dataclasses import replace

import pytest
from harness import wait_for, worker_process

from core.data.study_plan import plan_study
from core.execution.queue.launcher import Launcher
from core.execution.queue.side_by_side import MAX_RUNS, similar_queued_runs
from core.experiment.named_strategies import BASELINE, FEATURE_EXTRACTION, FINE_TUNING, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import RunStatus, State, Study
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

MANIFEST = "path,hash,label,split\na.jpg,0,a,train\n"


@pytest.fixture
def config(tiny_config: RunConfig) -> RunConfig:
    return replace(tiny_config, weights="sample", views=1)


def similar(store: RunStore, first: RunConfig, *others: RunConfig) -> list[int]:
    """The numbers of those other runs that would train beside the first."""
    study = store.create_study([(config, MANIFEST) for config in (first, *others)])
    numbers = {run.id: number for number, run in enumerate(study.runs)}
    return [numbers[run_id] for run_id in similar_queued_runs(store, study.runs[0])]


def test_runs_that_share_their_features_train_side_by_side(store, config):
    first = replace(config, strategy=TWO_PHASE)
    fast = Strategy("fast", (Phase(0, 1e-2, 3),))
    assert similar(store, first, replace(first, seed=1, split_seed=1), replace(first, strategy=fast)) == [1, 2]


@pytest.mark.parametrize(
    "changes",
    [{"strategy": FINE_TUNING}, {"strategy": BASELINE}, {"views": 2}, {"image_size": 128}, {"batch_size": 16}],
)
def test_other_runs_do_not(store, config, changes):
    first = replace(config, strategy=FEATURE_EXTRACTION)
    assert similar(store, first, replace(first, seed=1, **changes)) == []


@pytest.mark.parametrize("changes", [{"strategy": FINE_TUNING}, {"reuse": False}, {"weights": "random"}])
def test_beside_a_run_without_shared_features_none_trains(store, config, changes):
    first = replace(config, **{"strategy": FEATURE_EXTRACTION} | changes)
    assert similar(store, first, replace(first, seed=1)) == []


def test_there_is_a_largest_number_of_runs(store, config):
    first = replace(config, strategy=FEATURE_EXTRACTION)
    seeds = [replace(first, seed=seed) for seed in range(1, 20)]
    assert len(similar(store, first, *seeds)) == MAX_RUNS - 1


def test_a_run_whose_head_is_trained_waits_for_its_other_phases(store, config):
    first = replace(config, strategy=TWO_PHASE)
    study = store.create_study([(replace(first, seed=seed), MANIFEST) for seed in range(3)])
    store.write_status(study.runs[1].id, RunStatus(phase=1, epoch=TWO_PHASE.phases[0].epochs))
    store.write_status(study.runs[2].id, RunStatus(phase=1, epoch=1))
    assert similar_queued_runs(store, study.runs[0]) == [study.runs[2].id]


def start(store: RunStore, launcher: Launcher, config: RunConfig, dataset, *phases: Phase, seeds: int = 3) -> Study:
    study = store.create_study(plan_study(config, [Strategy("tiny", phases)], dataset, range(seeds)))
    launcher.submit(study.runs[0].id)
    return study


def states(store: RunStore, study: Study) -> list[State]:
    return [store.get(run.id).state for run in study.runs]


def pids(store: RunStore, study: Study) -> set[int]:
    return {store.get(run.id).status.pid for run in study.runs}


def expect_whole(store: RunStore, study: Study, epochs: int) -> None:
    """Check that each run is completed, with every epoch once, a model and predictions."""
    assert states(store, study) == [State.COMPLETED] * len(study.runs)
    for run in study.runs:
        assert [row["epoch"] for row in store.metrics(run.id).epochs] == list(range(1, epochs + 1))
        assert (store.path(run.id) / "model.keras").is_file() and store.evaluation(run.id)["images"] == 10


def test_seeds_train_in_one_process_and_later_phases_one_after_another(store, launcher, config, tiny_dataset):
    study = start(store, launcher, config, tiny_dataset, Phase(0, 1e-3, 3), Phase(11, 1e-4, 1), seeds=2)
    first, second = (run.id for run in study.runs)
    wait_for(lambda: store.metrics(second).epochs, 120)
    wait_for(lambda: store.get(second).state is State.QUEUED, 60)
    assert store.get(first).state is not State.QUEUED and len(store.metrics(second).epochs) == 3
    wait_for(lambda: all(state.is_finished for state in states(store, study)), 400)
    expect_whole(store, study, 4)
    losses = [store.metrics(run.id).epochs[0]["loss"] for run in study.runs]
    assert len(set(losses)) == 2 and len(pids(store, study)) == 2, "each opens layers in a process of its own"
    assert store.metrics(second).epochs[-1]["phase"] == 2


def test_one_stops_on_request_and_the_others_go_on(store, launcher, config, tiny_dataset):
    study = start(store, launcher, replace(config, views=0), tiny_dataset, Phase(0, 1e-3, 12))
    first, second, third = (run.id for run in study.runs)
    wait_for(lambda: store.metrics(second).epochs, 120)
    launcher.cancel(second)
    launcher.cancel(first)
    wait_for(lambda: all(state.is_finished for state in states(store, study)), 200)
    assert states(store, study) == [State.STOPPED, State.STOPPED, State.COMPLETED]
    assert len(pids(store, study)) == 1 and len(store.metrics(third).epochs) == 12


def test_a_killed_worker_leaves_runs_that_resume(store, launcher, config, tiny_dataset):
    study = start(store, launcher, replace(config, views=0), tiny_dataset, Phase(0, 1e-3, 6))
    wait_for(lambda: all(store.metrics(run.id).epochs for run in study.runs), 120)
    worker_process(store.get(study.runs[0].id).status).kill()
    wait_for(lambda: all(state.is_finished for state in states(store, study)), 20)
    for run, state in zip(study.runs, states(store, study), strict=True):
        if state is State.FAILED:
            launcher.resume(run.id)
    wait_for(lambda: all(state.is_finished for state in states(store, study)), 200)
    expect_whole(store, study, 6)


def test_a_signal_stops_all_runs_of_the_worker(store, launcher, config, tiny_dataset):
    study = start(store, launcher, replace(config, views=0), tiny_dataset, Phase(0, 1e-3, 200))
    wait_for(lambda: all(store.metrics(run.id).epochs for run in study.runs), 120)
    os.kill(store.get(study.runs[0].id).status.pid, signal.SIGTERM)
    wait_for(lambda: all(state.is_finished for state in states(store, study)), 60)
    assert states(store, study) == [State.STOPPED] * 3


def test_one_that_fails_does_not_end_the_others(store, launcher, config, tiny_dataset):
    planned = plan_study(config, [Strategy("tiny", (Phase(0, 1e-3, 2),))], tiny_dataset, range(3))
    broken = planned[1][1].replace("train", "nowhere")
    study = store.create_study([planned[0], (planned[1][0], broken), planned[2]])
    launcher.submit(study.runs[0].id)
    wait_for(lambda: all(state.is_finished for state in states(store, study)), 200)
    assert states(store, study) == [State.COMPLETED, State.FAILED, State.COMPLETED]
    assert json.loads((store.path(study.runs[1].id) / "status.json").read_text())["error"]["message"]
