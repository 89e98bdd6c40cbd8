"""A dead worker is recognised at once on its own host, by its lock, and on another one by its heartbeat."""

import signal
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from test_run_store import add

from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.machine.processes import process_identity

pytestmark = pytest.mark.faults

WORKER = """
import sys, time
from contextlib import ExitStack
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.machine.processes import process_identity
store = RunStore(sys.argv[1])
with ExitStack() as locks:
    for run_id in sys.argv[2:]:
        locks.enter_context(store.lock(run_id))
        store.write_status(run_id, RunStatus(State.RUNNING, phase=1, epoch=3, beat=7, **process_identity()))
    print("running", flush=True)
    time.sleep(600)
"""
REQUEUE = """
import sys
from core.experiment.runs.run_store import RunStore
for run_id in sys.argv[3:]:
    store = RunStore(sys.argv[1], stale_after=float(sys.argv[2]))
    before = store.get(run_id).state
    try:
        store.requeue(run_id)
    except ValueError as error:
        print(error)
    print(before, store.get(run_id).state)
"""
Start = Callable[..., subprocess.Popen]


def start_worker(store: RunStore, start: Start, runs: int) -> tuple[list[Run], subprocess.Popen]:
    """Start a process that is the worker of this number of runs."""
    started = [add(store, seed=number) for number in range(runs)]
    worker = start(WORKER, store.root, *(run.id for run in started))
    assert worker.stdout.readline() == "running\n"
    return started, worker


def kill(worker: subprocess.Popen) -> None:
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def record(store: RunStore, runs: list[Run], changes: Iterable[dict[str, str]]) -> None:
    """Change how the worker of each run was recorded."""
    for run, changed in zip(runs, changes, strict=True):
        status = replace(store.get(run.id).status, **changed)
        store.write_status(run.id, replace(status, state=State.RUNNING))


SAME_HOST = {
    "as it was": {},
    "after a reboot": {"boot": "another boot"},
    "after it was renamed": {"host": "its-name-before"},
    "written by an earlier version": {"boot": "", "machine": ""},
}


def test_a_fresh_process_resumes_the_runs_of_a_killed_worker_at_once(store, start, output_of):
    runs, worker = start_worker(store, start, len(SAME_HOST))
    kill(worker)
    record(store, runs, SAME_HOST.values())
    for found in (store.runs(), store.active(), [store.get(run.id) for run in runs]):
        assert [run.state for run in found] == [State.LOST] * len(runs)
    lines = output_of(REQUEUE, store.root, 600, *(run.id for run in runs)).splitlines()
    assert lines == ["lost queued"] * len(runs), "it does not wait for a heartbeat"
    assert [store.get(run.id).status for run in runs] == [RunStatus(phase=1, epoch=3)] * len(runs)


HOLD_LOCK = """
import sys, time
from core.experiment.runs.run_store import RunStore
with RunStore(sys.argv[1]).lock(sys.argv[2]):
    print("locked", flush=True)
    time.sleep(1)
"""


def test_a_killed_worker_s_run_is_resumed_although_another_process_holds_its_lock_for_a_moment(store, start):
    (run,), worker = start_worker(store, start, 1)
    kill(worker)
    assert start(HOLD_LOCK, store.root, run.id).stdout.readline() == "locked\n"
    store.requeue(run.id)
    assert store.get(run.id).status == RunStatus(phase=1, epoch=3)


def test_the_runs_of_a_living_worker_are_not_resumed(store, start, output_of):
    runs, worker = start_worker(store, start, len(SAME_HOST))
    record(store, runs, SAME_HOST.values())
    lines = output_of(REQUEUE, store.root, 600, *(run.id for run in runs)).splitlines()
    for changed, error, found, run in zip(SAME_HOST, lines[::2], lines[1::2], runs, strict=True):
        assert "received" in error and f"running in process {worker.pid}" in error, changed
        assert found == "running running" and store.get(run.id).state is State.RUNNING, changed


ELSEWHERE = {
    "another name": {"host": "another-host", "boot": "another boot"},
    "the same name": {"machine": "another machine", "boot": "another boot"},
}


def test_on_another_host_the_heartbeat_decides_although_the_lock_is_free(store, start, output_of):
    runs, worker = start_worker(store, start, len(ELSEWHERE))
    kill(worker)
    record(store, runs, ELSEWHERE.values())
    assert [store.get(run.id).state for run in runs] == [State.RUNNING] * len(runs)
    lines = output_of(REQUEUE, store.root, 0.5, *(run.id for run in runs)).splitlines()
    assert lines == ["running queued"] * len(runs), "it waited until the heartbeat had ceased"


BEATING = """
import itertools, sys, time
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore
store = RunStore(sys.argv[1])
for beat in itertools.count():
    store.write_status(sys.argv[2], RunStatus(State.RUNNING, beat=beat, host="another-host", boot="x", pid=17))
    print(beat, flush=True)
    time.sleep(0.05)
"""


def test_a_run_that_trains_on_another_host_is_not_resumed(store, start, output_of):
    run = add(store)
    start(BEATING, store.root, run.id).stdout.readline()
    lines = output_of(REQUEUE, store.root, 600, run.id).splitlines()
    assert "running in process 17 of another-host. Stop it first" in lines[0] and lines[1] == "running running"


def test_a_worker_that_ends_between_two_reads_is_not_lost(store, monkeypatch):
    run = add(store, State.RUNNING, **process_identity())
    assert run.state is State.LOST

    def is_locked(_lock: object) -> bool:
        store.write_status(run.id, RunStatus(State.COMPLETED))  # the worker's last act before it frees the lock
        return False

    monkeypatch.setattr("core.experiment.runs.liveness.is_locked", is_locked)
    assert store.get(run.id).state is State.COMPLETED
