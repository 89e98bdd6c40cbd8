"""Prewarmed workers: they train like any other worker, and no idle process is left over."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from harness import STUB, Lab, two_devices, wait_for

from core.data.datasets.dataset import Dataset
from core.data.study_plan import plan_study
from core.execution.queue.launcher import Launcher
from core.execution.queue.prewarm import Prewarmer, PrewarmPolicy
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy
from core.machine.devices import cpu
from core.machine.processes import PROJECT

pytestmark = pytest.mark.faults

AT_ONCE = PrewarmPolicy(delay=0.0, memory_to_start=0, memory_to_keep=0)
DELAYED = PrewarmPolicy(delay=0.5, memory_to_start=0, memory_to_keep=0)  # a queued run starts before the delay ends


def stub_command(device: str, locks_folder: Path) -> list[str]:
    return [sys.executable, str(STUB), "job_from_folder", "--wait", "--device", device, "--locks", str(locks_folder)]


def stub_prewarmer(policy: PrewarmPolicy = AT_ONCE, **options) -> Prewarmer:
    return Prewarmer(policy, stub_command, **options)


def launch(lab: Lab, prewarmer: Prewarmer, **options) -> int:
    """Start a launcher with this prewarmer and return the process id of the idle worker."""
    lab.launch(prewarmer=prewarmer, **options)
    return wait_for(lambda: prewarmer.pid)


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_idle_worker_receives_a_run_and_completes_it(lab: Lab):
    pid = launch(lab, stub_prewarmer())
    run = lab.add("quick")
    done = lab.wait(run, State.COMPLETED)
    assert done.status.pid == pid and lab.started == [] and lab.store.active() == ()
    assert [row["epoch"] for row in lab.store.metrics(run.id).epochs] == [1]


def test_each_of_several_runs_gets_a_new_process(lab: Lab):
    prewarmer = stub_prewarmer()
    pids = []
    launch(lab, prewarmer)
    for _ in range(3):
        wait_for(lambda: prewarmer.pid and prewarmer.pid not in pids)
        pids.append(lab.wait(lab.add("quick"), State.COMPLETED).status.pid)
    assert len(set(pids)) == 3 and lab.started == []


def test_its_status_names_the_process_and_a_stop_request_is_noticed(lab: Lab):
    pid = launch(lab, stub_prewarmer())
    run = lab.add("endless")
    lab.wait(run, State.RUNNING)
    process = lab.process(run)  # found by process id and start time
    assert process.pid == pid and os.getpgid(pid) == pid
    lab.launchers[0].cancel(run.id)
    assert lab.wait(run, State.STOPPED).status.error is None
    assert not (lab.store.path(run.id) / ".reserve").exists()


def test_its_output_is_in_the_log_of_its_run(lab: Lab):
    launch(lab, stub_prewarmer())
    run = lab.add("crash")
    error = lab.wait(run, State.FAILED).status.error
    assert lab.started == [] and error.kind == "crashed" and "last words before the crash" in error.message
    assert lab.store.log_tail(run.id) == "last words before the crash\n"


def test_killed_while_training_it_fails_with_the_signal_and_the_queue_continues(lab: Lab):
    pid = launch(lab, stub_prewarmer())
    victim, after = lab.add("endless"), lab.add("quick")
    lab.wait(victim, State.RUNNING)
    os.kill(pid, signal.SIGKILL)
    assert lab.wait(victim, State.FAILED).status.error.kind == "killed by signal 9"
    lab.wait(after, State.COMPLETED)


def test_one_that_ignores_signals_is_killed_with_its_children(lab: Lab):
    launch(lab, stub_prewarmer(), grace=0.5)
    run = lab.add("ignores_signals")
    lab.wait(run, State.RUNNING)
    child = int((lab.store.path(run.id) / "child").read_text())
    lab.launchers[0].cancel(run.id)
    lab.wait(run, State.STOPPED)
    assert lab.started == []
    wait_for(lambda: has_ended(child))


def test_it_sees_only_its_device_and_trains_only_on_it(lab: Lab):
    prewarmer = stub_prewarmer()
    first_pid = launch(lab, prewarmer, devices=two_devices)
    first = lab.add("endless")
    lab.wait(first, State.RUNNING)
    second_pid = wait_for(lambda: prewarmer.pid != first_pid and prewarmer.pid)
    second = lab.add("endless")
    lab.wait(second, State.RUNNING)
    found = [lab.process(run).environ()["CUDA_VISIBLE_DEVICES"] for run in (first, second)]
    assert found == ["0", "1"] and [lab.process(run).pid for run in (first, second)] == [first_pid, second_pid]
    folder = lab.store.path(lab.add("quick").id)
    wait_for(lambda: prewarmer.pid not in (None, second_pid))
    assert prewarmer.claim("gpu-7", folder) is None and prewarmer.pid, "it stays available for its device"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a kill order for low memory")
def test_linux_kills_it_first_when_memory_runs_out_but_only_while_it_waits(lab: Lab):
    pid = launch(lab, stub_prewarmer())
    score = Path(f"/proc/{pid}/oom_score_adj")
    wait_for(lambda: score.read_text() == "1000\n")
    lab.wait(lab.add("endless"), State.RUNNING)
    assert score.read_text() == Path("/proc/self/oom_score_adj").read_text() != "1000\n"


def test_killed_while_idle_it_is_replaced_and_the_next_run_is_trained(lab: Lab):
    prewarmer = stub_prewarmer()
    pid = launch(lab, prewarmer)
    os.kill(pid, signal.SIGKILL)
    lab.wait(lab.add("quick"), State.COMPLETED)
    assert wait_for(lambda: prewarmer.pid) != pid


def test_a_run_whose_prewarmed_worker_dies_before_beginning_gets_a_new_worker(lab: Lab):
    pid = launch(lab, stub_prewarmer(DELAYED))
    os.kill(pid, signal.SIGSTOP)
    run = lab.add("quick")
    wait_for(lambda: (lab.store.path(run.id) / "log.txt").exists())
    time.sleep(0.2)
    assert lab.state(run) is State.QUEUED and lab.started == []
    os.kill(pid, signal.SIGKILL)
    lab.wait(run, State.COMPLETED)
    assert lab.started == [run.id]


def test_a_run_cancelled_before_its_prewarmed_worker_begins_is_stopped(lab: Lab):
    pid = launch(lab, stub_prewarmer(DELAYED), grace=0.2)
    os.kill(pid, signal.SIGSTOP)
    run = lab.add("quick")
    wait_for(lambda: (lab.store.path(run.id) / "log.txt").exists())
    lab.launchers[0].cancel(run.id)
    lab.wait(run, State.STOPPED)
    assert lab.started == [] and has_ended(pid)


@pytest.mark.parametrize(
    "command",
    [lambda *_: [sys.executable, "-c", "raise SystemExit(3)"], lambda *_: ["/nowhere/python"]],
    ids=["exits at once", "cannot start"],
)
def test_runs_train_even_if_prewarming_fails(lab: Lab, command):
    attempts = []
    prewarmer = Prewarmer(AT_ONCE, lambda *arguments: attempts.append(arguments) or command(*arguments))
    lab.launch(prewarmer=prewarmer)
    wait_for(lambda: len(attempts) > 1)
    runs = [lab.add("quick") for _ in range(2)]
    for run in runs:
        lab.wait(run, State.COMPLETED)
    assert lab.started == [run.id for run in runs]


def test_it_is_stopped_while_memory_is_low_and_started_again_later(lab: Lab):
    free = [4]
    prewarmer = stub_prewarmer(
        PrewarmPolicy(delay=0.0, memory_to_start=3, memory_to_keep=2), free_memory=lambda: free[0]
    )
    pid = launch(lab, prewarmer)
    free[0] = 1
    wait_for(lambda: has_ended(pid))
    run = lab.add("quick")
    lab.wait(run, State.COMPLETED)
    assert prewarmer.pid is None and lab.started == [run.id]
    free[0] = 2
    time.sleep(1.0)
    assert prewarmer.pid is None, "too little memory for a start"
    free[0] = 3
    wait_for(lambda: prewarmer.pid)


def test_it_is_not_used_after_a_change_of_the_source_code(lab: Lab, tmp_path: Path):
    code = tmp_path / "code" / "model.py"
    code.parent.mkdir()
    code.write_text("old = True\n")
    pid = launch(lab, stub_prewarmer(DELAYED, source=code.parent))
    os.utime(code, (time.time() + 5, time.time() + 5))
    run = lab.add("quick")
    done = lab.wait(run, State.COMPLETED)
    assert done.status.pid != pid and lab.started == [run.id] and has_ended(pid)


@pytest.mark.parametrize(("job", "state"), [("starting", State.STARTING), ("never_checks", State.RUNNING)])
def test_none_is_started_before_the_first_steps_of_the_last_run(lab: Lab, job: str, state: State):
    prewarmer = stub_prewarmer()
    pid = launch(lab, prewarmer)
    run = lab.add(job)
    lab.wait(run, state)
    wait_for(lambda: prewarmer.pid is None)
    time.sleep(1.0)
    assert prewarmer.pid is None and lab.process(run).pid == pid
    lab.launchers[0].cancel(run.id)
    wait_for(lambda: prewarmer.pid)


def test_one_can_be_started_for_queued_runs_only(lab: Lab):
    prewarmer = stub_prewarmer(PrewarmPolicy(when_queue_is_empty=False, delay=0.0, memory_to_start=0, memory_to_keep=0))
    lab.launch(prewarmer=prewarmer)
    first = lab.add("endless")
    wait_for(lambda: lab.store.get(first.id).status.phase)
    time.sleep(1.0)
    assert prewarmer.pid is None
    second = lab.add("quick")
    pid = wait_for(lambda: prewarmer.pid)
    lab.launchers[0].cancel(first.id)
    assert lab.wait(second, State.COMPLETED).status.pid == pid and lab.started == [first.id]


def test_without_devices_there_is_none(lab: Lab):
    prewarmer = stub_prewarmer()
    lab.launch(devices=tuple, prewarmer=prewarmer)
    time.sleep(1.0)
    assert prewarmer.pid is None


def test_only_the_leading_launcher_has_one_and_stops_it_when_it_closes(lab: Lab):
    first, second = stub_prewarmer(), stub_prewarmer()
    pid = launch(lab, first)
    lab.launch(prewarmer=second)
    time.sleep(1.0)
    assert second.pid is None
    lab.launchers[0].close()
    assert first.pid is None and has_ended(pid)
    wait_for(lambda: second.pid)


@pytest.mark.parametrize("sent", [b"", b'"/a/line/cut/sho'], ids=["nothing", "half a line"])
def test_it_exits_when_its_stdin_is_closed(lab: Lab, sent: bytes):
    process = subprocess.run(stub_command("cpu", lab.device_locks.folder), input=sent, capture_output=True, timeout=60)
    assert (process.returncode, process.stdout, process.stderr) == (0, b"", b"")


@pytest.mark.parametrize("arguments", [[], ["--wait", "/a/run"]])
def test_a_worker_needs_either_a_run_or_the_wait_option(arguments: list[str]):
    command = [sys.executable, "-m", "core.execution.queue.worker", *arguments, "--locks", "/nowhere"]
    process = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert process.returncode == 2 and "Expected a run folder or --wait" in process.stderr


LEADER = """
import sys, time
sys.path[:0] = [{project!r}, {tests!r}, {tests!r} + "/queue"]
from pathlib import Path
from test_prewarm import stub_prewarmer
from core.machine.devices import DeviceLocks, cpu
from core.execution.queue.launcher import Launcher
from core.experiment.runs.run_store import RunStore
Launcher(RunStore({root!r}), DeviceLocks(Path({locks!r})), devices=lambda: (cpu(),), prewarmer=stub_prewarmer())
time.sleep(600)
"""


def test_after_a_killed_launcher_the_run_trains_on_and_no_idle_process_is_left(lab: Lab):
    code = LEADER.format(
        project=str(PROJECT), tests=str(STUB.parent), root=str(lab.store.root), locks=str(lab.device_locks.folder)
    )
    leader = subprocess.Popen([sys.executable, "-c", code])
    worker = wait_for(lambda: psutil.Process(leader.pid).children())[0].pid
    run = lab.add("endless")
    lab.wait(run, State.RUNNING)
    idle = wait_for(lambda: [child.pid for child in psutil.Process(leader.pid).children() if child.pid != worker])[0]
    leader.kill()
    leader.wait()
    wait_for(lambda: has_ended(idle))
    lab.launch()
    rows = len(lab.store.metrics(run.id).epochs)
    wait_for(lambda: len(lab.store.metrics(run.id).epochs) > rows + 3)
    assert lab.store.get(run.id).status.pid == worker and lab.state(run) is State.RUNNING and lab.started == []
    lab.launchers[0].cancel(run.id)
    assert lab.wait(run, State.STOPPED).status.error is None


def test_the_real_worker_loads_keras_waits_and_trains(
    tmp_path: Path, lab: Lab, tiny_config: RunConfig, tiny_dataset: Dataset
):
    store, free = RunStore(tmp_path / "real"), [1]
    prewarmer = Prewarmer(PrewarmPolicy(delay=0.0, memory_to_start=1, memory_to_keep=0), free_memory=lambda: free[0])
    lab.launchers.append(Launcher(store, lab.device_locks, devices=lambda: (cpu(),), prewarmer=prewarmer))
    pid = wait_for(lambda: prewarmer.pid)
    free[0] = 0  # prevents a second one
    strategy = Strategy("tiny", (Phase(0, 1e-3, 1),))
    run = store.create_study(plan_study(tiny_config, [strategy], tiny_dataset)).runs[0]
    wait_for(lambda: store.get(run.id).state.is_finished, 120)
    done = store.get(run.id)
    assert done.state is State.COMPLETED and done.status.pid == pid and store.evaluation(run.id)["images"] == 10
    assert (store.path(run.id) / "log.txt").exists() and "Traceback" not in store.log_tail(run.id)
