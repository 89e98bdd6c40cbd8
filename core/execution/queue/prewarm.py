"""A prewarmed worker: an idle process that has already imported Keras, so that the next run starts sooner."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.execution.queue.prewarm_pipe import send_run
from core.machine.devices import available_memory
from core.machine.processes import PROJECT, start_worker

Command = Callable[[str, Path], Sequence[str]]

MAX_RETRY_SECONDS = 600.0
"""Longest delay before another attempt if prewarmed workers keep crashing; the cause may be fixed by then."""


def prewarmed_worker_command(device_id: str, locks_folder: Path) -> Sequence[str]:
    """Return the command line of a worker that waits for its run."""
    return [
        sys.executable,
        "-m",
        "core.execution.queue.worker",
        "--wait",
        "--device",
        device_id,
        "--locks",
        str(locks_folder),
    ]


@dataclass(frozen=True)
class PrewarmPolicy:
    """Conditions for starting and keeping a prewarmed worker.

    Args:
        when_queue_is_empty: start one even if no run is queued, for a run that a user may start; if False, only for
            runs that are queued already.
        delay: seconds to wait before a start, counted from the last run's first steps or the last worker's end.
        memory_to_start: bytes of memory that must be available for a start. A prewarmed worker takes about 0.7 GB.
        memory_to_keep: stop the worker below this number of available bytes. Must be so far below `memory_to_start`
            that the worker's own memory does not cause the stop.
    """

    when_queue_is_empty: bool = True
    delay: float = 10.0
    memory_to_start: int = 3 * 1024**3
    memory_to_keep: int = 2 * 1024**3


@dataclass(frozen=True)
class _IdleWorker:
    """A process that waits for a run. `source_time` is the newest change of the source code before its start."""

    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    device_id: str
    source_time: int


class Prewarmer:
    """Keep at most one idle worker, for one device. Used only by the launcher's thread while it is active.

    The idle worker exits when this process does, because its stdin is then closed.

    Args:
        policy: when to start and keep the worker.
        command: returns the worker's command line, given the device and the folder of the device locks.
        free_memory: returns the available memory in bytes.
        source: if a Python file below this folder changes, the worker is useless: it has imported the old version.
    """

    def __init__(
        self,
        policy: PrewarmPolicy | None = None,
        command: Command = prewarmed_worker_command,
        free_memory: Callable[[], int] = available_memory,
        source: Path = PROJECT / "core",
    ) -> None:
        self._policy, self._command = policy or PrewarmPolicy(), command
        self._free_memory, self._source = free_memory, source
        self._idle: _IdleWorker | None = None
        self._delay = self._policy.delay
        self._next_start = time.monotonic() + self._delay

    @property
    def pid(self) -> int | None:
        """Process id of the idle worker; None if there is none."""
        idle = self._idle
        return idle.process.pid if idle else None

    def claim(self, device_id: str, run: Path) -> subprocess.Popen[bytes] | None:
        """Give the run in this folder to the idle worker and return its process; None if no usable worker exists."""
        idle = self._idle
        if idle is None or idle.device_id != device_id:
            return None
        try:
            if idle.source_time == _newest_change(self._source):
                send_run(run, idle.stdin)
                self._idle, self._delay = None, self._policy.delay
                return idle.process
        except OSError:
            pass  # the worker has ended, or a source file is just being replaced
        self.close()
        return None

    def update(
        self, next_device: Callable[[], str | None], locks_folder: Path, run_is_starting: bool, run_is_queued: bool
    ) -> None:
        """Start, keep or stop the idle worker; to be called a few times per second.

        Args:
            next_device: returns the id of the device that the next run will probably use; None if there is none.
            locks_folder: the folder of the device locks.
            run_is_starting: whether a run is about to do its first steps; importing Keras now would slow it down.
            run_is_queued: whether a run waits for a device.
        """
        if self._idle and self._idle.process.poll() is not None:
            self.close()
            self._postpone_start(longer=True)
        is_short = self._free_memory() < self._policy.memory_to_keep
        if is_short:
            self.close()
        if is_short or run_is_starting:
            self._postpone_start()
        elif time.monotonic() >= self._next_start:
            self._postpone_start()
            self._keep_for(next_device() if run_is_queued or self._policy.when_queue_is_empty else None, locks_folder)

    def close(self) -> None:
        """Stop the idle worker; the next `update` may start another."""
        if self._idle is None:
            return
        idle, self._idle = self._idle, None
        idle.process.kill()
        idle.process.wait()
        with contextlib.suppress(OSError):  # unsent data cannot be flushed
            idle.stdin.close()

    def _postpone_start(self, longer: bool = False) -> None:
        if longer:
            self._delay = min(2 * self._delay, MAX_RETRY_SECONDS)
        self._next_start = time.monotonic() + self._delay

    def _keep_for(self, device_id: str | None, locks_folder: Path) -> None:
        """Make sure that the idle worker is one for this device, or that there is none if `device_id` is None."""
        if self._idle and self._idle.device_id == device_id:
            return
        self.close()
        if device_id is not None and self._free_memory() >= self._policy.memory_to_start:
            self._idle = self._start(device_id, locks_folder)

    def _start(self, device_id: str, locks_folder: Path) -> _IdleWorker:
        source_time = _newest_change(self._source)
        command = self._command(device_id, locks_folder)
        process = start_worker(command, device_id, subprocess.PIPE, subprocess.DEVNULL)
        assert process.stdin is not None  # it is a pipe
        return _IdleWorker(process, process.stdin, device_id, source_time)


def _newest_change(source: Path) -> int:
    return max((path.stat().st_mtime_ns for path in source.rglob("*.py")), default=0)
