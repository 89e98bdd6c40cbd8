"""Telling a process from another one that was given its number later, and ending one for good."""

import os
import signal
import socket

import psutil

from core.experiment.run import RunStatus

DEVICE_TAKEN, RUN_TAKEN = 75, 76
"""Exit codes of a worker that found its device or its run taken, and changed nothing."""


def own_identity() -> dict[str, str | int | float]:
    """Host, pid and create time of this process, as a run's status keeps them."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "pid_created": psutil.Process().create_time()}


def find(status: RunStatus) -> psutil.Process | None:
    """The worker that a status speaks of; None where it is gone, on another host, or its pid serves another process."""
    if not status.pid or status.host != socket.gethostname():
        return None
    try:
        process = psutil.Process(status.pid)
        same = abs(process.create_time() - status.pid_created) < 0.1
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
