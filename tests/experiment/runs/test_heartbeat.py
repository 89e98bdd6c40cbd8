"""A run is lost if its heartbeat stops, whatever the system clock shows."""

import signal
import time

import pytest

from core.experiment.run_config import RunConfig
from core.experiment.runs.heartbeat import HeartbeatMonitor
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_store import RunStore

pytestmark = pytest.mark.faults
RUN_ID = "20261123-220052-417-01-two-phase"


def run(state: State, beat: int) -> Run:
    return Run(RUN_ID, RunConfig(), RunStatus(state, beat=beat))


class Observer:
    """A heartbeat monitor with a simulated clock."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.monitor = HeartbeatMonitor(stale_after=10, clock=lambda: self.now)

    def after(self, seconds: float, state: State, beat: int) -> State:
        """The state observed after this number of seconds."""
        self.now += seconds
        return self.monitor.observe(run(state, beat)).state


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING, State.STOPPING])
def test_a_run_is_lost_while_its_heartbeat_does_not_change(state):
    observer = Observer()
    assert observer.after(0, state, 5) is state
    assert observer.after(10, state, 5) is state
    assert observer.after(0.1, state, 5) is State.LOST
    assert observer.after(0, state, 6) is state, "the heartbeat has changed again"
    assert observer.after(10.1, state, 6) is State.LOST


def test_a_resumed_run_is_observed_anew():
    observer = Observer()
    observer.after(0, State.RUNNING, 500)
    assert observer.after(60, State.RUNNING, 1) is State.RUNNING, "a smaller number is a change too"
    assert observer.after(0, State.QUEUED, 0) is State.QUEUED
    assert observer.after(60, State.RUNNING, 1) is State.RUNNING, "observations before it was queued no longer count"


@pytest.mark.parametrize("state", [state for state in State if state.is_finished or state is State.QUEUED])
def test_queued_and_finished_runs_are_never_lost(state):
    observer = Observer()
    assert [observer.after(3_600, state, 5) for _ in range(3)] == [state] * 3


def test_runs_are_observed_independently():
    observer = Observer()
    other = Run("20261123-220052-417-02-fine-tuning", RunConfig(), RunStatus(State.RUNNING, beat=1))
    observer.after(0, State.RUNNING, 1)
    observer.monitor.observe(other)
    assert observer.after(11, State.RUNNING, 2) is State.RUNNING
    assert observer.monitor.observe(other).state is State.LOST


@pytest.mark.parametrize("jump", [3_600, -3_600])
def test_a_change_of_the_system_clock_has_no_effect(monkeypatch, tmp_path, jump):
    stale, patient = RunStore(tmp_path, stale_after=0.02), RunStore(tmp_path, stale_after=600)
    run_id = stale.create(RunConfig(), "").id
    stale.write_status(run_id, RunStatus(State.RUNNING, beat=1, started=time.time()))
    assert stale.get(run_id).state is patient.get(run_id).state is State.RUNNING
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert patient.get(run_id).state is State.RUNNING
    time.sleep(0.05)
    assert stale.get(run_id).state is State.LOST
    assert [run.state for run in stale.runs()] == [State.LOST]


HEARTBEAT = """
import itertools, sys, time
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore
store = RunStore(sys.argv[1])
for beat in itertools.count():
    store.write_status(sys.argv[2], RunStatus(State.RUNNING, beat=beat))
    time.sleep(0.02)
"""


def test_a_suspended_process_is_lost_until_it_continues(tmp_path, start):
    store = RunStore(tmp_path, stale_after=0.5)
    run_id = store.create(RunConfig(), "").id
    worker = start(HEARTBEAT, tmp_path, run_id)

    def becomes(state: State) -> bool:
        deadline = time.monotonic() + 30
        while (reached := store.get(run_id).state) is not state and time.monotonic() < deadline:
            time.sleep(0.02)
        return reached is state

    assert becomes(State.RUNNING)
    worker.send_signal(signal.SIGSTOP)
    assert becomes(State.LOST)
    worker.send_signal(signal.SIGCONT)
    assert becomes(State.RUNNING)
