"""The queue: gives each waiting run a device and a worker process of its own."""

import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from core.execution.queue.prewarm import Prewarmer
from core.experiment.runs.errors import ended
from core.experiment.runs.run import Run, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.machine.devices import Device, Leases, training_devices
from core.machine.paths import device_locks_folder
from core.machine.processes import DEVICE_TAKEN, RUN_TAKEN, find_process, kill_group, start_worker

TICK_SECONDS = 0.25
GRACE_SECONDS = 10.0
ORDERLY_EXIT_CODES = (0, DEVICE_TAKEN, RUN_TAKEN)
"""The worker said how its run ended, or found its device or its run taken and changed nothing."""

Command = Callable[[Path, str, Path], Sequence[str]]


def worker_command(run: Path, device_id: str, leases: Path) -> Sequence[str]:
    """The command line that trains the run in this folder."""
    return [
        sys.executable,
        "-m",
        "core.execution.queue.worker",
        str(run),
        "--device",
        device_id,
        "--leases",
        str(leases),
    ]


@dataclass(frozen=True)
class _Worker:
    process: subprocess.Popen
    device_id: str
    was_prewarmed: bool


class Launcher:
    """Submit, cancel, resume. A background thread does the work; disk is the truth, so several launchers do no harm.

    Of all launchers on one runs folder a single one leads (it holds `.launcher.lock`); the next takes over when it
    goes. Workers outlive their launcher; the next leader looks after them.

    Args:
        store: the runs.
        leases: the device locks.
        devices: what may be trained on.
        command: how a worker is started.
        grace: seconds a worker has to stop by itself before it is killed with all it started.
        spare: keeps a worker started ahead while this launcher leads; none where it is None.
    """

    def __init__(
        self,
        store: RunStore,
        leases: Leases | None = None,
        devices: Callable[[], Sequence[Device]] = training_devices,
        command: Command = worker_command,
        grace: float = GRACE_SECONDS,
        prewarmer: Prewarmer | None = None,
    ) -> None:
        self._store, self._leases = store, leases or Leases(device_locks_folder())
        self._devices, self._command, self._grace, self._prewarmer = devices, command, grace, prewarmer
        self._workers: dict[str, _Worker] = {}
        self._asked: dict[str, float] = {}
        self._trouble = ""
        self._closed, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="launcher")
        self._thread.start()

    def submit(self, run_id: str) -> None:
        """Have a queued run trained in its turn; nothing happens to one that trains or has ended."""
        self._store.get(run_id)
        self._wake.set()

    def cancel(self, run_id: str) -> None:
        """Stop a run: gracefully, and firmly after the grace. Raises `NoSuchRun`."""
        self._store.request_stop(run_id)
        self._wake.set()

    def resume(self, run_id: str) -> None:
        """Queue a stopped or failed run again. Raises `NoSuchRun`, `ValueError`."""
        self._store.requeue(run_id)
        self._wake.set()

    def close(self) -> None:
        """End the thread and the spare; workers go on."""
        self._closed.set()
        self._wake.set()
        self._thread.join()

    # The thread

    def _serve(self) -> None:
        leader = FileLock(self._store.root / ".launcher.lock", thread_local=False)
        while not self._closed.is_set():
            try:
                with leader.acquire(blocking=False):
                    self._lead()
            except Timeout:
                self._rest()
            except Exception as trouble:
                self._report(trouble)  # e.g. a disk that is full for now: the queue must outlive it
                self._rest()

    def _report(self, trouble: Exception) -> None:
        if repr(trouble) != self._trouble:
            self._trouble = repr(trouble)
            traceback.print_exception(trouble)

    def _lead(self) -> None:
        self._store.rebuild_active()
        try:
            while not self._closed.is_set():
                self._tick()
                self._rest()
        finally:
            if self._prewarmer:
                self._prewarmer.close()  # who leads next keeps its own

    def _rest(self) -> None:
        self._wake.wait(TICK_SECONDS)
        self._wake.clear()

    def _tick(self) -> None:
        for run_id in list(self._workers):
            self._attempt(self._reap, run_id)
        active = self._store.active()
        waiting = [run for run in active if self._attempt(self._look_after, run) is False]
        for device in self._free_devices() if waiting else ():
            while waiting and not self._attempt(self._start, waiting.pop(0), device):
                continue  # a run that cannot be started keeps no other from the device
        if self._prewarmer:
            self._attempt(self._tend, self._prewarmer, active)

    def _attempt(self, act: Callable[..., bool | None], *arguments: object) -> bool | None:
        """One run's trouble, say a folder that cannot be written, must not hold up the others."""
        try:
            return act(*arguments)
        except Exception as trouble:
            self._report(trouble)
            return None

    def _reap(self, run_id: str) -> None:
        worker = self._workers[run_id]
        exit_code = worker.process.poll()
        if exit_code is None:
            return
        if exit_code not in ORDERLY_EXIT_CODES:
            self._bury(run_id, exit_code, worker.was_prewarmed)
        del self._workers[run_id]
        self._asked.pop(run_id, None)

    def _look_after(self, run: Run) -> bool:
        """See to a run that needs no start; False for one that waits for it."""
        if self._store.stop_requested(run.id):
            self._stop(run)
            return True
        self._asked.pop(run.id, None)
        if run.id in self._workers or self._store.is_locked(run.id):
            return True
        if run.state is State.QUEUED:
            return False
        self._bury(run.id, None)
        return True

    def _stop(self, run: Run) -> None:
        """What a worker does not do by itself within the grace is done to it."""
        if run.id not in self._workers and not self._store.is_locked(run.id):
            return self._bury(run.id, None)
        asked = self._asked.setdefault(run.id, time.monotonic())
        process = self._process(run)
        if process and time.monotonic() - asked > self._grace:
            kill_group(process)

    def _process(self, run: Run) -> psutil.Process | None:
        worker = self._workers.get(run.id)
        if worker is None:
            return find_process(run.status.host, run.status.pid, run.status.pid_created)
        try:
            return psutil.Process(worker.process.pid)
        except psutil.NoSuchProcess:
            return None

    def _bury(self, run_id: str, exit_code: int | None, was_prewarmed: bool = False) -> None:
        """Write how a run ended whose worker did not, or that never had one.

        A run that a spare took and never began has not ended: it waits for an ordinary start.
        """
        try:
            with self._store.lock(run_id).acquire(blocking=False):
                run = self._store.get(run_id)
                if run.state.is_finished or (was_prewarmed and run.state is State.QUEUED):
                    return
                stopped = self._store.stop_requested(run_id)
                error = None if stopped else ended(exit_code, self._store.log_tail(run_id))
                self._store.write_status(
                    run_id,
                    replace(
                        run.status,
                        state=State.STOPPED if stopped else State.FAILED,
                        note="",
                        error=error,
                        ended=time.time(),
                    ),
                )
        except (Timeout, NoSuchRun):
            return  # another worker has it, or its folder was deleted

    def _free_devices(self) -> list[Device]:
        taken = {worker.device_id for worker in self._workers.values()}
        return [device for device in self._devices() if device.id not in taken and self._leases.is_free(device.id)]

    def _start(self, run: Run, device: Device) -> bool:
        folder = self._store.path(run.id)
        with (folder / "log.txt").open("ab") as log:
            process = self._prewarmer.claim(device.id, folder) if self._prewarmer else None
            was_prewarmed = process is not None
            process = process or start_worker(
                self._command(folder, device.id, self._leases.folder), device.id, subprocess.DEVNULL, log
            )
        self._workers[run.id] = _Worker(process, device.id, was_prewarmed)
        return True

    def _tend(self, prewarmer: Prewarmer, active: Sequence[Run]) -> None:
        """Keep a worker started ahead, where no run's own start suffers from it."""
        waiting = [run for run in active if run.state is State.QUEUED and run.id not in self._workers]
        starting = [run for run in active if run not in waiting and not _has_trained(run)]
        prewarmer.update(self._likely_device, self._leases.folder, calm=not starting, awaited=bool(waiting))

    def _likely_device(self) -> str | None:
        """Where the next run will probably train: on a free device, or on the one whose run started first."""
        free = [device.id for device in self._free_devices()]
        taken = [worker.device_id for worker in self._workers.values()]
        return next(iter([*free, *taken, *(device.id for device in self._devices())]), None)


def _has_trained(run: Run) -> bool:
    """Whether the worker that has the run now has written rows: with them its status names a phase."""
    return run.state is not State.QUEUED and run.status.phase > 0


def shutdown_notice(store: RunStore) -> str:
    """What a terminal says when the dashboard goes and runs stay; empty where none does."""
    active = store.active()
    training = [
        f"  python transfer_learning.py --stop {run.id} --runs {store.root}"
        for run in active
        if run.state is not State.QUEUED
    ]
    waiting = len(active) - len(training)
    lines = ["Training goes on without the dashboard. To stop it:", *training] if training else []
    if waiting:
        lines.append(f"Runs that wait until the dashboard is started again: {waiting}.")
    return "\n".join(lines)
