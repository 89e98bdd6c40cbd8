"""A dead worker is recognised at once on its own host, by its lock, and on another one by its heartbeat."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest
from test_run_store import add

from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.machine.processes import process_identity

pytestmark = pytest.mark.faults

WORKER = """
import sys, time
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.machine.processes import process_identity
store = RunStore(sys.argv[1])
with store.lock(sys.argv[2]):
    store.write_status(sys.argv[2], RunStatus(State.RUNNING, phase=1, epoch=3, beat=7, **process_identity()))
    print("running", flush=True)
    time.sleep(600)
"""
REQUEUE = """
import sys
from core.experiment.runs.run_store import RunStore
store = RunStore(sys.argv[1], stale_after=float(sys.argv[3]))
before = store.get(sys.argv[2]).state
try:
    store.requeue(sys.argv[2])
except ValueError as error:
    print(error)
print(before, store.get(sys.argv[2]).state)
"""
Start = Callable[..., subprocess.Popen]


def start_worker(store: RunStore, start: Start) -> tuple[Run, subprocess.Popen]:
    run = add(store)
    worker = start(WORKER, store.root, run.id)
    assert worker.stdout.readline() == "running\n"
    return run, worker


def kill(worker: subprocess.Popen) -> None:
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def record(store: RunStore, run: Run, **changes: object) -> None:
    """Change how the run's worker was recorded."""
    status = replace(store.get(run.id).status, **changes)
    store.write_status(run.id, replace(status, state=State.RUNNING))


SAME_HOST = {
    "as it was": {},
    "after a reboot": {"boot": "another boot"},
    "after it was renamed": {"host": "its-name-before"},
    "written by an earlier version": {"boot": "", "machine": ""},
}


@pytest.mark.parametrize("changes", SAME_HOST.values(), ids=SAME_HOST)
def test_a_fresh_process_resumes_the_run_of_a_killed_worker_at_once(store, start, output_of, changes):
    run, worker = start_worker(store, start)
    kill(worker)
    record(store, run, **changes)
    assert store.get(run.id).state is store.runs()[0].state is store.active()[0].state is State.LOST
    assert output_of(REQUEUE, store.root, run.id, 600) == "lost queued", "it does not wait for a heartbeat"
    assert store.get(run.id).status == RunStatus(phase=1, epoch=3)


@pytest.mark.parametrize("changes", SAME_HOST.values(), ids=SAME_HOST)
def test_the_run_of_a_living_worker_is_not_resumed(store, start, output_of, changes):
    run, worker = start_worker(store, start)
    record(store, run, **changes)
    lines = output_of(REQUEUE, store.root, run.id, 600).splitlines()
    assert "received" in lines[0] and f"running in process {worker.pid}" in lines[0]
    assert lines[1] == "running running" and store.get(run.id).state is State.RUNNING


ELSEWHERE = {
    "another name": {"host": "another-host", "boot": "another boot"},
    "the same name": {"machine": "another machine", "boot": "another boot"},
}


@pytest.mark.parametrize("changes", ELSEWHERE.values(), ids=ELSEWHERE)
def test_on_another_host_the_heartbeat_decides_although_the_lock_is_free(store, start, output_of, changes):
    run, worker = start_worker(store, start)
    kill(worker)
    record(store, run, **changes)
    assert store.get(run.id).state is State.RUNNING
    assert output_of(REQUEUE, store.root, run.id, 0.5) == "running queued", "it waited until the heartbeat had ceased"


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
    lines = output_of(REQUEUE, store.root, run.id, 600).splitlines()
    assert "running in process 17 of another-host. Stop it first" in lines[0] and lines[1] == "running running"


def test_a_worker_that_ends_between_two_reads_is_not_lost(store, monkeypatch):
    run = add(store, State.RUNNING, **process_identity())
    assert run.state is State.LOST

    def is_locked(_lock: object) -> bool:
        store.write_status(run.id, RunStatus(State.COMPLETED))  # the worker's last act before it frees the lock
        return False

    monkeypatch.setattr("core.experiment.runs.liveness.is_locked", is_locked)
    assert store.get(run.id).state is State.COMPLETED
