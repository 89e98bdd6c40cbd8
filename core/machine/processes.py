"""Starting a worker, telling it from a process that was given its number later, and ending it for good."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import psutil

from core.machine.devices import environment

PROJECT = Path(__file__).resolve().parents[2]
DEVICE_TAKEN, RUN_TAKEN = 75, 76
"""Exit codes of a worker that found its device or its run taken, and changed nothing."""

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"}
_NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # what start_new_session is on Windows


def start_worker(command: Sequence[str], device_id: str, stdin: int, output: BinaryIO | int) -> subprocess.Popen:
    """A process that sees this device alone and leads a session of its own, so that it outlives who starts it."""
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        start_new_session=True,
        creationflags=_NEW_GROUP,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=os.environ | _QUIET | environment(device_id),
    )


def own_identity() -> dict[str, str | int | float]:
    """Host, pid and create time of this process, as a run's status keeps them."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "pid_created": psutil.Process().create_time()}


def find_process(host: str, pid: int, created: float) -> psutil.Process | None:
    """The process with this number and start time (Unix seconds) on this host.

    None if it has ended, runs on another host, or if its number now belongs to another process.
    """
    if not pid or host != socket.gethostname():
        return None
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < 0.1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def kill_group(process: psutil.Process) -> None:
    """End a worker and all it started, at once. Each worker leads a process group of its own."""
    for member in [*_children(process), process]:
        _kill(member)
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return
