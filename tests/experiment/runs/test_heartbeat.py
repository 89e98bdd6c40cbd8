"""Lost is who no longer beats, whatever the clocks say."""

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


class Watch:
    """A pulse and the clock it reads."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.pulse = HeartbeatMonitor(stale_after=10, clock=lambda: self.now)

    def after(self, seconds: float, state: State, beat: int) -> State:
        self.now += seconds
        return self.pulse.observe(run(state, beat)).state


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING, State.STOPPING])
def test_lost_while_the_beat_stands_still(state):
    watch = Watch()
    assert watch.after(0, state, 5) is state
    assert watch.after(10, state, 5) is state
    assert watch.after(0.1, state, 5) is State.LOST
    assert watch.after(0, state, 6) is state, "it beats again"
    assert watch.after(10.1, state, 6) is State.LOST


def test_a_resumed_run_begins_to_count_anew():
    watch = Watch()
    watch.after(0, State.RUNNING, 500)
    assert watch.after(60, State.RUNNING, 1) is State.RUNNING, "a smaller number is a change too"
    assert watch.after(0, State.QUEUED, 0) is State.QUEUED
    assert watch.after(60, State.RUNNING, 1) is State.RUNNING, "what was seen before it was queued is forgotten"


@pytest.mark.parametrize("state", [state for state in State if state.is_finished or state is State.QUEUED])
def test_who_need_not_beat_is_never_lost(state):
    watch = Watch()
    assert [watch.after(3_600, state, 5) for _ in range(3)] == [state] * 3


def test_runs_are_watched_one_by_one():
    watch = Watch()
    other = Run("20261123-220052-417-02-fine-tuning", RunConfig(), RunStatus(State.RUNNING, beat=1))
    watch.after(0, State.RUNNING, 1)
    watch.pulse.observe(other)
    assert watch.after(11, State.RUNNING, 2) is State.RUNNING
    assert watch.pulse.observe(other).state is State.LOST


@pytest.mark.parametrize("jump", [3_600, -3_600])
def test_a_jump_of_the_clock_changes_nothing(monkeypatch, tmp_path, jump):
    stale, patient = RunStore(tmp_path, stale_after=0.02), RunStore(tmp_path, stale_after=600)
    run_id = stale.create(RunConfig(), "").id
    stale.write_status(run_id, RunStatus(State.RUNNING, beat=1, started=time.time()))
    assert stale.get(run_id).state is patient.get(run_id).state is State.RUNNING
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert patient.get(run_id).state is State.RUNNING
    time.sleep(0.05)
    assert stale.get(run_id).state is State.LOST
    assert [found.state for found in stale.runs()] == [State.LOST]


BEAT = """
import itertools, sys, time
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore
store = RunStore(sys.argv[1])
for beat in itertools.count():
    store.write_status(sys.argv[2], RunStatus(State.RUNNING, beat=beat))
    time.sleep(0.02)
"""


def test_a_halted_process_is_lost_and_found(tmp_path, start):
    store = RunStore(tmp_path, stale_after=0.5)
    run_id = store.create(RunConfig(), "").id
    worker = start(BEAT, tmp_path, run_id)

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
