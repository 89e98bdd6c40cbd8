"""Start, identify and kill worker processes."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import psutil

from core.machine.devices import device_environment
from core.machine.host import HostIdentity, host_identity, is_this_host

PROJECT = Path(__file__).resolve().parents[2]
DEVICE_TAKEN, RUN_TAKEN = 75, 76
"""Exit codes of a worker that changed nothing because another one held the lock of its device or its run."""

_DEFAULTS = {
    # TensorFlow uses oneDNN without it only on CPUs with AVX512-VNNI or AMX; with AVX2 alone it pays too
    "TF_ENABLE_ONEDNN_OPTS": "1",
}
_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "PYTHONUNBUFFERED": "1",
    # JAX and TensorFlow take GPU memory as they need it, not all of it at the start
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}
NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # the counterpart of start_new_session on Windows


def keras_environment(device_id: str) -> dict[str, str]:
    """The environment of a process in which Keras computes on this device. A default yields to the user's own value."""
    return _DEFAULTS | dict(os.environ) | _ENVIRONMENT | device_environment(device_id)


def start_worker(command: Sequence[str], device_id: str, stdin: int, output: BinaryIO | int) -> subprocess.Popen[bytes]:
    """Start a process to which only this device is visible, in a new session, so that it outlives its parent."""
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        start_new_session=True,
        creationflags=NEW_GROUP,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=keras_environment(device_id),
    )


class ProcessIdentity(HostIdentity):
    """Host, process id and start time (Unix seconds) of a process, under the field names of `RunStatus`."""

    pid: int
    pid_created: float


def process_identity() -> ProcessIdentity:
    """The identity of the calling process."""
    return {**host_identity(), "pid": os.getpid(), "pid_created": psutil.Process().create_time()}


def find_process(identity: ProcessIdentity) -> psutil.Process | None:
    """The process with this id and start time on this host.

    None if it has ended, runs on another host, or its id now belongs to another process.
    """
    if not identity["pid"] or not is_this_host(identity):
        return None
    try:
        process = psutil.Process(identity["pid"])
        same = abs(process.create_time() - identity["pid_created"]) < 0.1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def kill_group(process: psutil.Process) -> None:
    """Kill a worker, which leads a process group, and all processes that it started."""
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
