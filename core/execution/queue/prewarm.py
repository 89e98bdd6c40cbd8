"""A worker started ahead: it has Keras imported and waits, so that the next run need not wait for that."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.execution.queue.prewarm_pipe import send_run
from core.machine.devices import available_memory
from core.machine.processes import PROJECT, start_worker

Command = Callable[[str, Path], Sequence[str]]

MOST_PATIENCE = 600.0
"""A spare that keeps dying by itself is tried at least this often, in seconds: what killed it may have been mended."""


def waiting_command(device_id: str, leases: Path) -> Sequence[str]:
    """The command line of a worker that waits for its run."""
    return [
        sys.executable,
        "-m",
        "core.execution.queue.worker",
        "--wait",
        "--device",
        device_id,
        "--leases",
        str(leases),
    ]


@dataclass(frozen=True)
class PrewarmPolicy:
    """When a spare is kept.

    Args:
        ahead: also while no run waits, for one that somebody may start; else only for runs that wait already.
        calm: seconds since the last run did its first steps, or since a spare was lost, before one is started.
        room: bytes of memory that must be available for a start. A spare takes about 0.7 GB of them.
        reserve: bytes below which it is given up. Far enough below `room` that a spare's own memory cannot end it.
    """

    ahead: bool = True
    calm: float = 10.0
    room: int = 3 * 1024**3
    reserve: int = 2 * 1024**3


@dataclass(frozen=True)
class _Idle:
    """A process that waits, and the state of the code when it began to read it."""

    process: subprocess.Popen
    device_id: str
    code: int


class Prewarmer:
    """Keeps at most one idle worker, for one device. Only the launcher's thread uses it, and only while that leads.

    The idle process ends when this one does: its stdin then ends too.

    Args:
        terms: when it is kept.
        command: how it is started.
        available: bytes of memory that can still be had.
        code: a change of a Python file below this folder makes a spare useless, as it has read what was there before.
    """

    def __init__(
        self,
        terms: PrewarmPolicy | None = None,
        command: Command = waiting_command,
        available: Callable[[], int] = available_memory,
        code: Path = PROJECT / "core",
    ) -> None:
        self._terms, self._command, self._available, self._code = terms or PrewarmPolicy(), command, available, code
        self._idle: _Idle | None = None
        self._patience = self._terms.calm
        self._due = time.monotonic() + self._patience

    @property
    def pid(self) -> int | None:
        """The process that waits; None where there is none now."""
        idle = self._idle
        return idle.process.pid if idle else None

    def claim(self, device_id: str, run: Path) -> subprocess.Popen | None:
        """Hand it this run: the process that trains it from now on, or None where none can."""
        idle = self._idle
        if idle is None or idle.device_id != device_id:
            return None
        try:
            if idle.code == _last_change(self._code):
                send_run(run, idle.process.stdin)
                self._idle, self._patience = None, self._terms.calm
                return idle.process
        except OSError:
            pass  # it is dead, or the code is just being replaced
        self.close()
        return None

    def update(self, likely: Callable[[], str | None], leases: Path, calm: bool, awaited: bool) -> None:
        """Start one, keep it, or give it up; to be called a few times a second.

        Args:
            likely: tells the device that the next run will probably have, None where there is none.
            leases: the folder of the device locks.
            calm: whether no run is just being started; that would suffer from a start beside it.
            awaited: whether a run waits for a device.
        """
        if self._idle and self._idle.process.poll() is not None:
            self.close()
            self._postpone(longer=True)
        is_short = self._available() < self._terms.reserve
        if is_short:
            self.close()
        if is_short or not calm:
            self._postpone()
        elif time.monotonic() >= self._due:
            self._postpone()
            self._keep_for(likely() if awaited or self._terms.ahead else None, leases)

    def close(self) -> None:
        """Give it up; the next `update` may start another."""
        if self._idle is None:
            return
        process, self._idle = self._idle.process, None
        process.kill()
        process.wait()
        with contextlib.suppress(OSError):  # what was not sent cannot be any more
            process.stdin.close()

    def _postpone(self, longer: bool = False) -> None:
        if longer:
            self._patience = min(2 * self._patience, MOST_PATIENCE)
        self._due = time.monotonic() + self._patience

    def _keep_for(self, device_id: str | None, leases: Path) -> None:
        if self._idle and self._idle.device_id == device_id:
            return
        self.close()
        if device_id is not None and self._available() >= self._terms.room:
            code = _last_change(self._code)
            process = start_worker(self._command(device_id, leases), device_id, subprocess.PIPE, subprocess.DEVNULL)
            self._idle = _Idle(process, device_id, code)


def _last_change(code: Path) -> int:
    return max((path.stat().st_mtime_ns for path in code.rglob("*.py")), default=0)
