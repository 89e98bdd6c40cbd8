"""Runs and studies: asked for, listed, stopped, resumed, deleted."""

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import MetricsWriter
from core.experiment.runs.run import RUN_ID, Run, RunError, RunStatus, State, Study
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import STRATEGIES

MANIFEST = "path,hash,label,split\n"
STUDY = [(RunConfig(strategy=strategy), MANIFEST) for strategy in STRATEGIES.values()]


def add(store: RunStore, state: State = State.QUEUED, seed: int = 0, **status: object) -> Run:
    """A run in this state."""
    run_id = store.create(RunConfig(seed=seed), MANIFEST).id
    if state is not State.QUEUED:
        store.write_status(run_id, RunStatus(state, **status))
    return store.get(run_id)


def in_the_queue(study: Study) -> tuple[Run, ...]:
    """Two-phase first: what it computes for its two depths serves the other strategies too."""
    first, second, two_phase = study.runs
    return two_phase, first, second


def test_a_study_is_kept_in_its_order_and_queued_so_that_runs_share(store):
    study = store.create_study(STUDY)
    assert [run.config for run in study.runs] == [config for config, _ in STUDY]
    assert {run.status for run in study.runs} == {RunStatus()}
    assert all(RUN_ID.fullmatch(run.id) and run.study == study.id for run in study.runs)
    assert store.active() == in_the_queue(study) and store.runs() == study.runs[::-1]
    assert store.study(study.id) == study and store.get(study.runs[1].id) == study.runs[1]


def test_a_run_folder_explains_itself(store):
    run = store.create(RunConfig(data="/photos/été"), 'path,hash\n"a\r\nb",é\r')
    folder = store.root / run.id
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "manifest.csv", "status.json"]
    assert json.loads((folder / "config.json").read_text())["data"] == "/photos/été"
    assert json.loads((folder / "status.json").read_text())["state"] == "queued"
    assert store.manifest(run.id) == 'path,hash\n"a\r\nb",é\r', "line ends and all"


def test_another_store_sees_the_same(store):
    add(store, State.COMPLETED), add(store, State.FAILED, error=RunError("crashed", "a", "b")), add(store)
    assert RunStore(store.root).runs() == store.runs()
    assert len(store.runs()) == 3


def test_what_a_run_wrote_is_read(store):
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
def test_empty_and_endless_studies_are_refused(store, count):
    with pytest.raises(ValueError, match=f"Expected 1 to 999 runs in a study; received {count}"):
        store.create_study(STUDY[:1] * count)
    assert store.runs() == ()


def test_fifty_studies_in_a_burst_keep_their_order(store):
    created = [store.create(RunConfig(seed=seed), MANIFEST) for seed in range(50)]
    assert store.active() == tuple(created)
    assert store.runs() == tuple(created[::-1])
    assert len({run.study for run in created}) == 50


def test_a_study_of_over_a_hundred_runs_keeps_its_order(store):
    planned = [(RunConfig(seed=seed), MANIFEST) for seed in range(105)]
    study = store.create_study(planned)
    assert [run.config.seed for run in study.runs] == [run.config.seed for run in store.active()] == list(range(105))
    assert store.create_study(planned).id == study.id


def test_an_active_study_asked_for_again_is_that_study(store):
    study = store.create_study(STUDY)
    store.write_status(study.runs[0].id, RunStatus(State.COMPLETED))
    assert store.create_study(STUDY).id == RunStore(store.root).create_study(STUDY).id == study.id
    assert store.create_study(STUDY[:2]).id != study.id, "fewer runs are another study"
    assert store.create_study(STUDY[::-1]).id != study.id, "so is another order"


def test_the_same_settings_on_other_pictures_are_another_study(store):
    first = store.create_study(STUDY)
    assert store.create_study([(config, f"{MANIFEST}a,b,c,train\n") for config, _ in STUDY]).id != first.id


def test_a_finished_study_asked_for_again_is_a_new_one(store):
    first = store.create_study(STUDY)
    for run in first.runs:
        store.write_status(run.id, RunStatus(State.COMPLETED))
    second = store.create_study(STUDY)
    assert second.id != first.id and len(store.runs()) == 6
    assert store.active() == in_the_queue(second)


@pytest.mark.faults
def test_eight_clicks_at_once_are_one_study(store):
    start = threading.Barrier(8)

    def click(number: int) -> str:
        mine = store if number % 2 else RunStore(store.root)
        start.wait()
        return mine.create_study(STUDY).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(click, range(8)))) == 1
    assert len(store.runs()) == 3


CLICK = """
import sys
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore
store = RunStore(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(store.create(RunConfig(), "manifest").id, flush=True)
"""


@pytest.mark.faults
def test_two_programs_at_once_make_one_study(store, start):
    programs = [start(CLICK, store.root) for _ in range(2)]
    assert [program.stdout.readline() for program in programs] == ["ready\n"] * 2
    for program in programs:
        program.stdin.write("\n")
        program.stdin.flush()
    assert len({program.stdout.readline() for program in programs}) == 1
    assert len(store.runs()) == 1


def test_a_stop_request_shows_until_the_run_has_ended(store):
    run = add(store, State.RUNNING)
    store.request_stop(run.id)
    assert store.stop_requested(run.id)
    assert store.get(run.id).state is store.runs()[0].state is store.active()[0].state is State.STOPPING
    store.write_status(run.id, RunStatus(State.STOPPED))
    assert store.get(run.id).state is State.STOPPED and store.active() == ()


def test_a_finished_run_is_not_asked_to_stop(store):
    run = add(store, State.COMPLETED)
    store.request_stop(run.id)
    assert not store.stop_requested(run.id)


@pytest.mark.parametrize("state", [State.STOPPED, State.FAILED])
def test_resuming_queues_again_and_keeps_the_place(store, state):
    run = add(store, state, phase=2, epoch=17, error=RunError("crashed", "a", "b"), ended=1.0)
    (store.path(run.id) / "stop").touch()
    store.requeue(run.id)
    assert store.get(run.id).status == RunStatus(phase=2, epoch=17)
    assert [run.id for run in store.active()] == [run.id] and not store.stop_requested(run.id)


@pytest.mark.parametrize("state", [s for s in State if not s.is_resumable and s is not State.CORRUPT])
def test_no_other_run_resumes(store, state):
    run = add(store, state)
    with pytest.raises(ValueError, match=f"Expected a stopped or failed run to resume; received {run.id}, {state}"):
        store.requeue(run.id)
    assert store.get(run.id) == run


HOLD = """
import sys
from core.experiment.runs.run_store import RunStore
with RunStore(sys.argv[1]).lock(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.faults
def test_a_run_in_other_hands_is_locked_until_they_let_go_or_die(store, start):
    run = add(store, State.RUNNING)
    for last in ("\n", None):
        assert not store.is_locked(run.id)
        worker = start(HOLD, store.root, run.id)
        worker.stdout.readline()
        assert store.is_locked(run.id)
        worker.communicate(last) if last else worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert not store.is_locked(run.id)


@pytest.mark.faults
def test_resuming_never_waits_for_a_run_that_trains(store, start, monkeypatch):
    run = add(store, State.RUNNING)
    worker = start(HOLD, store.root, run.id)
    worker.stdout.readline()
    with pytest.raises(ValueError, match=r"received .*running"):
        store.requeue(run.id)
    store.write_status(run.id, RunStatus(State.STOPPED))
    monkeypatch.setattr("core.experiment.runs.run_store.REQUEUE_SECONDS", 0.05)
    with pytest.raises(ValueError, match="its worker still has it"):
        store.requeue(run.id)
    worker.communicate("\n")
    store.requeue(run.id)
    assert store.get(run.id).state is State.QUEUED


@pytest.mark.parametrize("state", [s for s in State if s.is_finished and s is not State.CORRUPT])
def test_deleting_a_finished_run_leaves_nothing(store, state):
    run, other = add(store, state), add(store, seed=1)
    store.metrics(run.id)
    store.delete(run.id)
    with pytest.raises(NoSuchRun, match="No such run"):
        store.get(run.id)
    assert [found.id for found in store.runs()] == [other.id]
    assert not [path for path in store.root.iterdir() if run.id in path.name]


@pytest.mark.parametrize("state", [s for s in State if not s.is_finished])
def test_a_run_that_waits_or_trains_is_not_deleted(store, state):
    run = add(store, state)
    with pytest.raises(ValueError, match="Expected a finished run to delete"):
        store.delete(run.id)
    assert store.get(run.id) == run
