"""The queue: runs start in order, at most one per device, each in a separate process."""

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise

import psutil
import pytest
from harness import Lab, enable_ctrl_c, two_devices, wait_for, worker_process

from core.execution.queue.launcher import shutdown_notice
from core.experiment.runs.run import State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore

pytestmark = pytest.mark.faults


def test_a_submitted_run_is_trained(lab: Lab):
    launcher, run = lab.launch(), lab.add("quick")
    launcher.submit(run.id)
    done = lab.wait(run, State.COMPLETED)
    assert done.status.ended >= done.status.started and lab.store.active() == ()
    assert [row["epoch"] for row in lab.store.metrics(run.id).epochs] == [1]


@pytest.mark.slow
def test_twelve_submissions_keep_their_order_and_one_trains_at_a_time(lab: Lab):
    runs = [lab.add("quick") for _ in range(12)]
    launcher = lab.launch()
    for run in reversed(runs):
        launcher.submit(run.id)
        launcher.submit(run.id)
    most = 0
    while not all(run.state.is_finished for run in lab.store.runs()):
        most = max(most, sum(run.state is State.RUNNING for run in lab.store.active()))
        time.sleep(0.01)
    assert lab.started == [run.id for run in runs] and most <= 1
    spans = [lab.store.get(run.id).status for run in runs]
    assert all(a.ended <= b.started for a, b in pairwise(spans))


def test_each_gpu_trains_a_different_run(lab: Lab):
    lab.launch(devices=two_devices)
    first, second, third = (lab.add("endless") for _ in range(3))
    lab.wait(first, State.RUNNING), lab.wait(second, State.RUNNING)
    environments = [lab.process(run).environ()["CUDA_VISIBLE_DEVICES"] for run in (first, second)]
    assert environments == ["0", "1"] and lab.state(third) is State.QUEUED
    lab.launchers[0].cancel(first.id)
    lab.wait(third, State.RUNNING)


def test_a_killed_worker_fails_with_the_signal_and_the_queue_continues(lab: Lab):
    lab.launch()
    victim, after = lab.add("endless"), lab.add("quick")
    lab.wait(victim, State.RUNNING)
    lab.process(victim).kill()
    failed = lab.wait(victim, State.FAILED)
    assert failed.status.error.kind == "killed by signal 9" and failed.status.error.advice
    lab.wait(after, State.COMPLETED)


def test_a_thread_left_by_a_worker_does_not_block_the_device(lab: Lab):
    lab.launch()
    ended, after = lab.add("leaves_a_thread"), lab.add("quick")
    lab.wait(ended, State.COMPLETED)
    lab.wait(after, State.COMPLETED)


def test_cancel_stops_gracefully_and_resume_continues(lab: Lab):
    launcher, run = lab.launch(), lab.add("endless")
    lab.wait(run, State.RUNNING)
    launcher.cancel(run.id)
    assert lab.wait(run, State.STOPPED).status.error is None
    lab.jobs[0] = "quick"
    launcher.resume(run.id)
    lab.wait(run, State.COMPLETED)
    assert [row["epoch"] for row in lab.store.metrics(run.id).epochs] == [1]


def test_each_stop_has_the_whole_grace_period(lab: Lab):
    launcher, run = lab.launch(grace=2.0), lab.add("endless")
    for _ in range(2):
        lab.wait(run, State.RUNNING)
        launcher.cancel(run.id)
        lab.wait(run, State.STOPPED)
        assert not (lab.store.path(run.id) / ".reserve").exists(), "it was killed and could not clean up"
        time.sleep(2.5)
        launcher.resume(run.id)
    launcher.cancel(run.id)


def test_a_waiting_run_is_cancelled_without_being_started(lab: Lab):
    launcher = lab.launch()
    first, waiting = lab.add("endless"), lab.add("quick")
    lab.wait(first, State.RUNNING)
    launcher.cancel(waiting.id)
    lab.wait(waiting, State.STOPPED)
    assert lab.started == [first.id]


def test_a_worker_that_never_checks_for_a_stop_is_interrupted(lab: Lab):
    launcher, run = lab.launch(grace=60.0), lab.add("never_checks")
    lab.wait(run, State.RUNNING)
    launcher.cancel(run.id)
    lab.wait(run, State.STOPPED)


def test_a_worker_that_ignores_every_signal_is_killed_with_its_children(lab: Lab):
    launcher, run = lab.launch(grace=0.5), lab.add("ignores_signals")
    lab.wait(run, State.RUNNING)
    child = psutil.Process(int((lab.store.path(run.id) / "child").read_text()))
    launcher.cancel(run.id)
    lab.wait(run, State.STOPPED)
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_suspended_worker_is_lost_until_it_continues(lab: Lab):
    lab.launch()
    run = lab.add("endless")
    lab.wait(run, State.RUNNING)
    process = lab.process(run)
    process.suspend()
    lab.wait(run, State.LOST)
    process.resume()
    lab.wait(run, State.RUNNING)


@pytest.mark.parametrize(
    ("job", "kind", "expected"),
    [
        ("import_error", "crashed", "a_module_that_does_not_exist"),
        ("crash", "crashed", "last words before the crash"),
        ("out_of_memory", "out of memory", "smaller batch"),
        ("limited_from_the_start", "disk full", "Free some space"),
        ("limited_later", "disk full", "Free some space"),
    ],
)
def test_every_failure_has_a_kind_and_advice_and_the_queue_continues(lab: Lab, job: str, kind: str, expected: str):
    lab.launch()
    bad, after = lab.add(job), lab.add("quick")
    error = lab.wait(bad, State.FAILED).status.error
    assert error.kind == kind and expected in f"{error.message} {error.advice}"
    lab.wait(after, State.COMPLETED)


def test_a_diverged_run_reports_step_and_rate_with_advice(lab: Lab):
    lab.launch()
    run = lab.add("diverge")
    error = lab.wait(run, State.DIVERGED).status.error
    assert "step 17" in error.message and "0.01" in error.message and "0.001" in error.advice


def test_a_corrupt_configuration_does_not_block_the_queue(lab: Lab):
    run, after = lab.add("quick"), lab.add("quick")
    (lab.store.path(run.id) / "config.json").write_text("{")
    lab.launch()
    lab.wait(after, State.COMPLETED)
    assert lab.state(run) is State.CORRUPT


def test_a_run_that_cannot_be_started_does_not_block_the_queue(lab: Lab):
    bad, after = lab.add("quick"), lab.add("quick")
    (lab.store.path(bad.id) / "log.txt").mkdir()
    lab.launch()
    lab.wait(after, State.COMPLETED)
    assert lab.state(bad) is State.QUEUED


def test_a_launcher_without_devices_stops_runs_and_starts_none(lab: Lab):
    launcher = lab.launch(devices=tuple)
    first, second = lab.add("quick"), lab.add("quick")
    launcher.cancel(first.id)
    lab.wait(first, State.STOPPED)
    time.sleep(1.0)
    assert lab.state(second) is State.QUEUED and lab.started == []


def test_a_folder_deleted_while_it_trains_ends_its_worker(lab: Lab):
    lab.launch()
    run, after = lab.add("endless"), lab.add("quick")
    lab.wait(run, State.RUNNING)
    process = lab.process(run)
    shutil.rmtree(lab.store.path(run.id))
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    lab.wait(after, State.COMPLETED)
    with pytest.raises(NoSuchRun):
        lab.store.get(run.id)


def test_a_second_worker_on_a_run_exits_without_a_change(lab: Lab):
    lab.launch()
    run = lab.add("endless")
    lab.wait(run, State.RUNNING)
    before = lab.store.get(run.id).status.pid
    command = lab.command(lab.store.path(run.id), "another-device", lab.device_locks.folder)
    assert subprocess.run(command, timeout=60).returncode == 76
    assert lab.store.get(run.id).status.pid == before and lab.state(run) is State.RUNNING


def test_two_runs_folders_share_a_device_by_its_lock(lab: Lab):
    lab.launch()
    training = lab.add("endless")
    lab.wait(training, State.RUNNING)
    other_lab = Lab(lab.root, RunStore(lab.root / "other"), lab.device_locks, {0: "quick"}, lab.launchers)
    other_lab.launch()
    waiting = other_lab.add("quick")
    other_lab.jobs[other_lab.store.get(waiting.id).config.seed] = "quick"
    time.sleep(1.0)
    assert other_lab.state(waiting) is State.QUEUED
    lab.launchers[0].cancel(training.id)
    other_lab.wait(waiting, State.COMPLETED)


def test_one_of_two_launchers_leads_and_the_other_takes_over(lab: Lab):
    first = lab.launch()
    lab.launch()
    runs = [lab.add("quick") for _ in range(6)]
    for run in runs:
        lab.wait(run, State.COMPLETED)
    assert lab.started == [run.id for run in runs]
    first.close()
    last = lab.add("quick")
    lab.wait(last, State.COMPLETED)


LEADER = """
import sys, time
sys.path.insert(0, {project!r})
from pathlib import Path
from core.machine.devices import DeviceLocks, cpu
from core.execution.queue.launcher import Launcher
from core.experiment.runs.run_store import RunStore
command = lambda run, device, locks: [sys.executable, {stub!r}, "endless", str(run), "--device", device,
                                       "--locks", str(locks)]
Launcher(RunStore({root!r}), DeviceLocks(Path({locks!r})), devices=lambda: (cpu(),), command=command)
time.sleep(600)
"""


def start_leader(lab: Lab) -> subprocess.Popen:
    """Start a launcher in another process, as a dashboard does."""
    from harness import STUB

    code = LEADER.format(
        project=str(STUB.parents[2]), stub=str(STUB), root=str(lab.store.root), locks=str(lab.device_locks.folder)
    )
    return subprocess.Popen([sys.executable, "-c", code], preexec_fn=enable_ctrl_c)


def test_a_run_outlives_its_killed_launcher_and_the_next_one_supervises_it(lab: Lab):
    run = lab.add("endless")
    leader = start_leader(lab)
    pid = lab.wait(run, State.RUNNING).status.pid
    leader.kill()
    leader.wait()
    lab.launch()
    time.sleep(1.0)
    assert lab.state(run) is State.RUNNING and lab.store.get(run.id).status.pid == pid and lab.started == []
    lab.launchers[0].cancel(run.id)
    lab.wait(run, State.STOPPED)


def test_a_worker_that_died_without_a_launcher_is_recorded(lab: Lab):
    run = lab.add("endless")
    leader = start_leader(lab)
    lab.wait(run, State.RUNNING)
    leader.kill()
    leader.wait()
    lab.process(run).kill()
    lab.launch()
    assert lab.wait(run, State.FAILED).status.error.kind == "crashed"


def test_ctrl_c_reaches_no_worker_and_the_stop_command_is_printed(lab: Lab):
    run = lab.add("endless")
    leader = start_leader(lab)
    lab.wait(run, State.RUNNING)
    os.kill(leader.pid, signal.SIGINT)
    leader.wait()
    before = len(lab.store.metrics(run.id).epochs)
    wait_for(lambda: len(lab.store.metrics(run.id).epochs) > before + 3)
    assert f"--stop {run.id}" in shutdown_notice(lab.store)
    lab.process(run).kill()


def test_a_reused_process_id_is_not_mistaken_for_the_worker(lab: Lab):
    from dataclasses import replace

    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    run = lab.add("quick")
    status = replace(
        run.status, state=State.RUNNING, pid=bystander.pid, pid_created=1.0, host=os.uname().nodename, beat=3
    )
    assert worker_process(status) is None
    lab.store.write_status(run.id, status)
    launcher = lab.launch(grace=0.0)
    launcher.cancel(run.id)
    wait_for(lambda: lab.state(run).is_finished)
    assert bystander.poll() is None
    bystander.kill()
