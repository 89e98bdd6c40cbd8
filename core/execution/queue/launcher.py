"""The queue: gives each queued run a device and a worker process."""

import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from core.execution.queue.prewarm import Prewarmer
from core.execution.queue.repeated_call import RepeatedCall
from core.experiment.runs.errors import describe_exit
from core.experiment.runs.run import Run, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.machine.devices import Device, DeviceLocks, training_devices
from core.machine.paths import device_locks_folder
from core.machine.processes import DEVICE_TAKEN, RUN_TAKEN, find_process, kill_group, start_worker

POLL_SECONDS = 0.25
GRACE_SECONDS = 10.0
ORDERLY_EXIT_CODES = (0, DEVICE_TAKEN, RUN_TAKEN)
"""The worker wrote the final status, or found its device or run in use and changed nothing."""

Command = Callable[[Path, str, Path], Sequence[str]]


def worker_command(run: Path, device_id: str, locks_folder: Path) -> Sequence[str]:
    """Return the command line that trains the run in this folder."""
    return [
        sys.executable,
        "-m",
        "core.execution.queue.worker",
        str(run),
        "--device",
        device_id,
        "--locks",
        str(locks_folder),
    ]


@dataclass(frozen=True)
class _Worker:
    process: subprocess.Popen[bytes]
    device_id: str
    was_prewarmed: bool


class Launcher:
    """Submit, cancel and resume runs. A background thread starts and stops the workers.

    All state is on disk, so several launchers may share a runs folder. Only one of them is active: it
    holds `.launcher.lock`, and another takes over when it closes. Workers outlive their launcher; the next active one
    supervises them.

    Args:
        store: the runs.
        device_locks: the locks of the devices.
        devices: returns the devices that may be used.
        command: returns a worker's command line, given the run's folder, the device and the folder of the locks.
        grace: seconds that a worker has to stop on request before it is killed with all its child processes.
        prewarmer: keeps a prewarmed worker while this launcher is active; None to keep none.
        grow: adds runs to growing studies; called again and again, in another thread, while this launcher is active.
    """

    def __init__(
        self,
        store: RunStore,
        device_locks: DeviceLocks | None = None,
        devices: Callable[[], Sequence[Device]] = training_devices,
        command: Command = worker_command,
        grace: float = GRACE_SECONDS,
        prewarmer: Prewarmer | None = None,
        grow: Callable[[RunStore], None] | None = None,
    ) -> None:
        self._store, self._device_locks = store, device_locks or DeviceLocks(device_locks_folder())
        self._devices, self._command, self._grace, self._prewarmer = devices, command, grace, prewarmer
        self._grow = grow
        self._workers: dict[str, _Worker] = {}
        self._stop_seen: dict[str, float] = {}
        self._last_error = ""
        self._closed, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run_thread, daemon=True, name="launcher")
        self._thread.start()

    def submit(self, run_id: str) -> None:
        """Wake the launcher, which trains queued runs in order; no effect on other runs. Raises `NoSuchRun`."""
        self._store.get(run_id)
        self._wake.set()

    def cancel(self, run_id: str) -> None:
        """Stop a run: request it first, kill the worker after the grace period. Raises `NoSuchRun`."""
        self._store.request_stop(run_id)
        self._wake.set()

    def resume(self, run_id: str) -> None:
        """Queue a stopped or failed run again. Raises `NoSuchRun`, `ValueError`."""
        self._store.requeue(run_id)
        self._wake.set()

    def close(self) -> None:
        """End the thread and the prewarmed worker; workers that train continue."""
        self._closed.set()
        self._wake.set()
        self._thread.join()

    # The thread

    def _run_thread(self) -> None:
        leader = FileLock(self._store.root / ".launcher.lock", thread_local=False)
        while not self._closed.is_set():
            try:
                with leader.acquire(blocking=False):
                    self._manage_queue()
            except Timeout:
                self._wait()
            except Exception as error:
                self._report(error)  # e.g. a disk that is full at the moment; the thread must continue
                self._wait()

    def _report(self, error: Exception) -> None:
        """Print the traceback, unless the same error was printed last."""
        if repr(error) != self._last_error:
            self._last_error = repr(error)
            traceback.print_exception(error)

    def _manage_queue(self) -> None:
        self._store.rebuild_active()
        growing = RepeatedCall(partial(self._grow, self._store), self._report) if self._grow else None
        try:
            while not self._closed.is_set():
                self._update()
                self._wait()
        finally:
            if growing:
                growing.close()
            if self._prewarmer:
                self._prewarmer.close()  # the next active launcher has its own

    def _wait(self) -> None:
        self._wake.wait(POLL_SECONDS)
        self._wake.clear()

    def _update(self) -> None:
        """Check all workers and active runs once and start queued runs on free devices."""
        for run_id in list(self._workers):
            self._attempt(self._remove_if_exited, run_id)
        active = self._store.active()
        waiting = [run for run in active if self._attempt(self._check_run, run, active)]
        for device in self._free_devices() if waiting else ():
            self._start_first(waiting, device)
        if self._prewarmer:
            self._attempt(self._update_prewarmer, self._prewarmer, active)

    def _start_first(self, waiting: list[Run], device: Device) -> None:
        """Start the first of these runs that can be started, and remove it and those before it from the list."""
        while waiting:
            if self._attempt(self._start, waiting.pop(0), device):
                return

    def _attempt(self, action: Callable[..., bool | None], *arguments: object) -> bool | None:
        """Call `action`, report its error and return None then: an error of one run must not block the others."""
        try:
            return action(*arguments)
        except Exception as error:
            self._report(error)
            return None

    def _remove_if_exited(self, run_id: str) -> None:
        worker = self._workers[run_id]
        exit_code = worker.process.poll()
        if exit_code is None:
            return
        if exit_code not in ORDERLY_EXIT_CODES:
            self._write_final_status(run_id, exit_code, leave_queued=worker.was_prewarmed)
        del self._workers[run_id]
        self._stop_seen.pop(run_id, None)

    def _check_run(self, run: Run, active: Sequence[Run]) -> bool:
        """Carry out a stop request, record a lost worker, and return whether the run waits for a worker."""
        if self._store.stop_requested(run.id):
            self._stop(run, active)
            return False
        self._stop_seen.pop(run.id, None)
        if run.id in self._workers:
            return False
        if run.state is State.LOST:
            self._write_final_status(run.id, None, leave_queued=True)
        return run.state is State.QUEUED and not self._store.is_locked(run.id)

    def _stop(self, run: Run, active: Sequence[Run]) -> None:
        """Kill a worker that has not stopped within the grace period; a run without a worker is stopped at once.

        The period is longer for a worker that trains several runs: they share its time, and all would be killed.
        """
        if run.id not in self._workers and not run.state.has_worker and not self._store.is_locked(run.id):
            return self._write_final_status(run.id, None, leave_queued=True)
        stop_seen = self._stop_seen.setdefault(run.id, time.monotonic())
        process = self._worker_process(run)
        sharing = sum(other.state.has_worker and other.status.worker == run.status.worker for other in active)
        if process and time.monotonic() - stop_seen > self._grace * max(1, sharing):
            kill_group(process)

    def _worker_process(self, run: Run) -> psutil.Process | None:
        worker = self._workers.get(run.id)
        if worker is None:
            return find_process(run.status.worker)
        try:
            return psutil.Process(worker.process.pid)
        except psutil.NoSuchProcess:
            return None

    def _write_final_status(self, run_id: str, exit_code: int | None, leave_queued: bool) -> None:
        """Write the final status of a run whose worker did not write it, or that never had a worker.

        With `leave_queued`, a queued run that nobody stopped stays queued: its prewarmed worker never began it, or it
        has just been resumed.
        """
        try:
            with self._store.lock(run_id).acquire(blocking=False):
                run, stopped = self._store.get(run_id), self._store.stop_requested(run_id)
                if run.state.is_finished or (leave_queued and run.state is State.QUEUED and not stopped):
                    return
                error = None if stopped else describe_exit(exit_code, self._store.log_tail(run_id))
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
            return  # another worker has the run, or its folder was deleted

    def _free_devices(self) -> list[Device]:
        used = {worker.device_id for worker in self._workers.values()}
        return [device for device in self._devices() if device.id not in used and self._device_locks.is_free(device.id)]

    def _start(self, run: Run, device: Device) -> bool:
        folder = self._store.path(run.id)
        with (folder / "log.txt").open("ab") as log:
            process = self._prewarmer.claim(device.id, folder) if self._prewarmer else None
            was_prewarmed = process is not None
            process = process or start_worker(
                self._command(folder, device.id, self._device_locks.folder), device.id, subprocess.DEVNULL, log
            )
        self._workers[run.id] = _Worker(process, device.id, was_prewarmed)
        return True

    def _update_prewarmer(self, prewarmer: Prewarmer, active: Sequence[Run]) -> None:
        """Start, keep or stop the prewarmed worker; it must not slow down a run that is starting."""
        queued = [run for run in active if run.state is State.QUEUED and run.id not in self._workers]
        starting = [run for run in active if run not in queued and not _has_trained(run)]
        prewarmer.update(
            self._next_device,
            self._device_locks.folder,
            run_is_starting=bool(starting),
            run_is_queued=bool(queued),
        )

    def _next_device(self) -> str | None:
        """The device that the next run will probably use: a free one, or the one whose run started first."""
        free = [device.id for device in self._free_devices()]
        used = [worker.device_id for worker in self._workers.values()]
        return next(iter([*free, *used, *(device.id for device in self._devices())]), None)


def _has_trained(run: Run) -> bool:
    """Whether the run's current worker has written metric rows: from then on its status names a phase."""
    return run.state is not State.QUEUED and run.status.phase > 0


def shutdown_notice(store: RunStore) -> str:
    """Return a text for the terminal of a dashboard that ends while runs are active; empty if there are none."""
    active = store.active()
    training = [
        f"  python transfer_learning.py --stop {run.id} --runs {store.root}"
        for run in active
        if run.state is not State.QUEUED
    ]
    waiting = len(active) - len(training)
    lines = ["Training continues without the dashboard. To stop it:", *training] if training else []
    if waiting:
        lines.append(f"Runs that wait until the dashboard is started again: {waiting}.")
    return "\n".join(lines)
