"""Runs and studies are created, listed, stopped, resumed and deleted."""

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.experiment.named_strategies import STRATEGIES
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import MetricsWriter
from core.experiment.runs.run import RUN_ID, Run, RunError, RunStatus, State, Study
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore

MANIFEST = "path,hash,label,split\n"
STUDY = [(RunConfig(strategy=strategy), MANIFEST) for strategy in STRATEGIES.values()]


def add(store: RunStore, state: State = State.QUEUED, seed: int = 0, **status: object) -> Run:
    """Create a run in this state."""
    run_id = store.create(RunConfig(seed=seed), MANIFEST).id
    if state is not State.QUEUED:
        store.write_status(run_id, RunStatus(state, **status))
    return store.get(run_id)


def queued_order(study: Study) -> tuple[Run, ...]:
    """Two-phase first, because the other strategies reuse the features that it caches for its two depths."""
    first, second, two_phase = study.runs
    return two_phase, first, second


def test_a_study_keeps_its_order_and_is_queued_so_that_runs_share_features(store):
    study = store.create_study(STUDY)
    assert [run.config for run in study.runs] == [config for config, _ in STUDY]
    assert {run.status for run in study.runs} == {RunStatus()}
    assert all(RUN_ID.fullmatch(run.id) and run.study == study.id for run in study.runs)
    assert store.active() == queued_order(study) and store.runs() == study.runs[::-1]
    assert store.study(study.id) == study and store.get(study.runs[1].id) == study.runs[1]


def test_runs_are_added_to_a_study_once_and_numbered_on(store):
    study = store.create_study(STUDY, most_runs=120)
    added = [(RunConfig(strategy=config.strategy, seed=1), MANIFEST) for config, _ in STUDY]
    store.write_status(study.runs[0].id, RunStatus(State.COMPLETED))
    for number in (1, 3, 3):
        grown = store.add_runs(study.id, added[:number])
        assert [run.config for run in grown.runs] == [config for config, _ in STUDY + added[:number]]
    assert [run.id.split("-")[3] for run in grown.runs] == ["001", "002", "003", "004", "005", "006"]
    assert len(store.active()) == 5
    with pytest.raises(NoSuchRun):
        store.add_runs("20200101-000000-000", added)


def test_files_of_a_new_run(store):
    run = store.create(RunConfig(data="/photos/été"), 'path,hash\n"a\r\nb",é\r')
    folder = store.root / run.id
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "manifest.csv", "status.json"]
    assert json.loads((folder / "config.json").read_text())["data"] == "/photos/été"
    assert json.loads((folder / "status.json").read_text())["state"] == "queued"
    assert store.manifest(run.id) == 'path,hash\n"a\r\nb",é\r', "line ends included"


def test_another_store_reads_the_same_runs(store):
    add(store, State.COMPLETED), add(store, State.FAILED, error=RunError("crashed", "a", "b")), add(store)
    assert RunStore(store.root).runs() == store.runs()
    assert len(store.runs()) == 3


def test_files_written_by_a_run_are_read(store):
    run = add(store, State.RUNNING)
    assert store.evaluation(run.id) is None and store.log_tail(run.id) == "" and store.metrics(run.id).steps == ()
    (store.path(run.id) / "evaluation.json").write_text('{"accuracy": 0.5}')
    (store.path(run.id) / "log.txt").write_bytes(b"one\ntwo\xff\nthree\n")
    writer = MetricsWriter(store.path(run.id) / "metrics.jsonl")
    for number in range(3):
        writer.append({"kind": "step", "step": number, "epoch": 1, "loss": 1.0, "accuracy": 0.5})
        assert [row["step"] for row in store.metrics(run.id).steps] == list(range(number + 1))
    writer.close()
    assert store.evaluation(run.id) == {"accuracy": 0.5}
    assert store.log_tail(run.id, lines=2) == "two\N{REPLACEMENT CHARACTER}\nthree\n"


@pytest.mark.parametrize("count", [0, 1_000])
def test_empty_and_too_large_studies_are_refused(store, count):
    with pytest.raises(ValueError, match=f"Expected 1 to 999 runs in a study; received {count}"):
        store.create_study(STUDY[:1] * count)
    assert store.runs() == ()


def test_fifty_studies_created_quickly_keep_their_order(store):
    created = [store.create(RunConfig(seed=seed), MANIFEST) for seed in range(50)]
    assert store.active() == tuple(created)
    assert store.runs() == tuple(created[::-1])
    assert len({run.study for run in created}) == 50


def test_a_study_of_over_a_hundred_runs_keeps_its_order(store):
    planned = [(RunConfig(seed=seed), MANIFEST) for seed in range(105)]
    study = store.create_study(planned)
    assert [run.config.seed for run in study.runs] == [run.config.seed for run in store.active()] == list(range(105))
    assert store.create_study(planned).id == study.id


def test_creating_an_active_study_again_returns_it(store):
    study = store.create_study(STUDY)
    store.write_status(study.runs[0].id, RunStatus(State.COMPLETED))
    assert store.create_study(STUDY).id == RunStore(store.root).create_study(STUDY).id == study.id
    assert store.create_study(STUDY[:2]).id != study.id, "fewer runs make another study"
    assert store.create_study(STUDY[::-1]).id != study.id, "so does another order"


def test_the_same_settings_on_other_images_make_another_study(store):
    first = store.create_study(STUDY)
    assert store.create_study([(config, f"{MANIFEST}a,b,c,train\n") for config, _ in STUDY]).id != first.id


def test_creating_a_finished_study_again_makes_a_new_one(store):
    first = store.create_study(STUDY)
    for run in first.runs:
        store.write_status(run.id, RunStatus(State.COMPLETED))
    second = store.create_study(STUDY)
    assert second.id != first.id and len(store.runs()) == 6
    assert store.active() == queued_order(second)


@pytest.mark.faults
def test_eight_simultaneous_clicks_make_one_study(store):
    barrier = threading.Barrier(8)

    def click(number: int) -> str:
        chosen = store if number % 2 else RunStore(store.root)
        barrier.wait()
        return chosen.create_study(STUDY).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(click, range(8)))) == 1
    assert len(store.runs()) == 3


CREATE_RUN = """
import sys
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore
store = RunStore(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(store.create(RunConfig(), "manifest").id, flush=True)
"""


@pytest.mark.faults
def test_two_simultaneous_processes_make_one_study(store, start):
    processes = [start(CREATE_RUN, store.root) for _ in range(2)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert len({process.stdout.readline() for process in processes}) == 1
    assert len(store.runs()) == 1


def test_a_stop_request_is_shown_until_the_run_ends(store):
    run = add(store, State.RUNNING)
    store.request_stop(run.id)
    assert store.stop_requested(run.id)
    assert store.get(run.id).state is store.runs()[0].state is store.active()[0].state is State.STOPPING
    store.write_status(run.id, RunStatus(State.STOPPED))
    assert store.get(run.id).state is State.STOPPED and store.active() == ()


def test_a_finished_run_gets_no_stop_request(store):
    run = add(store, State.COMPLETED)
    store.request_stop(run.id)
    assert not store.stop_requested(run.id)


@pytest.mark.parametrize("state", [State.STOPPED, State.FAILED])
def test_resuming_queues_the_run_and_keeps_its_progress(store, state):
    run = add(store, state, phase=2, epoch=17, error=RunError("crashed", "a", "b"), ended=1.0)
    (store.path(run.id) / "stop").touch()
    store.requeue(run.id)
    assert store.get(run.id).status == RunStatus(phase=2, epoch=17)
    assert [run.id for run in store.active()] == [run.id] and not store.stop_requested(run.id)


@pytest.mark.parametrize(
    "state", [state for state in State if not state.is_resumable and state not in (State.CORRUPT, State.LOST)]
)
def test_runs_in_other_states_cannot_be_resumed(store, state):
    run = add(store, state)
    with pytest.raises(ValueError, match=f"Expected a stopped or failed run to resume; received {run.id}, {state}"):
        store.requeue(run.id)
    assert store.get(run.id) == run


HOLD_LOCK = """
import sys
from core.experiment.runs.run_store import RunStore
with RunStore(sys.argv[1]).lock(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.faults
def test_a_run_is_locked_until_its_worker_ends_or_is_killed(store, start):
    run = add(store, State.RUNNING)
    for ends_normally in (True, False):
        assert not store.is_locked(run.id)
        worker = start(HOLD_LOCK, store.root, run.id)
        worker.stdout.readline()
        assert store.is_locked(run.id)
        worker.communicate("\n") if ends_normally else worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert not store.is_locked(run.id)


@pytest.mark.faults
def test_resuming_does_not_wait_for_a_run_that_trains(store, start, monkeypatch):
    run = add(store, State.RUNNING)
    worker = start(HOLD_LOCK, store.root, run.id)
    worker.stdout.readline()
    with pytest.raises(ValueError, match=r"received .*running"):
        store.requeue(run.id)
    store.write_status(run.id, RunStatus(State.STOPPED))
    monkeypatch.setattr("core.experiment.runs.run_store.REQUEUE_SECONDS", 0.05)
    with pytest.raises(ValueError, match="its worker is still exiting"):
        store.requeue(run.id)
    worker.communicate("\n")
    store.requeue(run.id)
    assert store.get(run.id).state is State.QUEUED


@pytest.mark.parametrize("state", [state for state in State if state.is_finished and state is not State.CORRUPT])
def test_deleting_a_finished_run_removes_all_its_files(store, state):
    run, other = add(store, state), add(store, seed=1)
    store.metrics(run.id)
    store.delete(run.id)
    with pytest.raises(NoSuchRun, match="No such run"):
        store.get(run.id)
    assert [left.id for left in store.runs()] == [other.id]
    assert not [path for path in store.root.iterdir() if run.id in path.name]


@pytest.mark.parametrize("state", [state for state in State if not state.is_finished])
def test_a_run_that_waits_or_trains_cannot_be_deleted(store, state):
    run = add(store, state)
    with pytest.raises(ValueError, match="Expected a finished run to delete"):
        store.delete(run.id)
    assert store.get(run.id) == run
