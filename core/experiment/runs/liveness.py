"""Whether the worker of a run is alive: one rule for the terminal, the dashboard and every other reader."""

from filelock import FileLock

from core.experiment.runs.heartbeat import HeartbeatMonitor
from core.experiment.runs.run import Run, RunStatus, State
from core.machine.files import is_locked
from core.machine.host import is_this_host
from core.machine.processes import find_process


def is_dead(status: RunStatus, lock: FileLock) -> bool:
    """Whether the worker that wrote this status is proven dead: it ran on this host, and the run's lock is free.

    A worker holds the lock for as long as it lives. If the lock cannot be tested, its process number and start time
    decide. Of a worker on another host only the heartbeat can tell.
    """
    if not is_this_host(status.worker):
        return False
    try:
        return not is_locked(lock)
    except OSError:  # the folder belongs to another user
        return find_process(status.worker) is None


def is_elsewhere(status: RunStatus) -> bool:
    """Whether the worker that wrote this status runs on another host."""
    return bool(status.host) and not is_this_host(status.worker)


def has_exited(status: RunStatus) -> bool:
    """Whether the worker that wrote this status ran on this host and its process is gone.

    The run's lock may be taken for a moment all the same: by a process that is ending, or by a reader that tests it.
    """
    return is_this_host(status.worker) and find_process(status.worker) is None


def with_liveness(run: Run, lock: FileLock, heartbeats: HeartbeatMonitor) -> Run:
    """Return the run, with state `LOST` if its worker is dead or its heartbeat has ceased."""
    if run.state.has_worker and is_dead(run.status, lock):
        return run.with_state(State.LOST)
    return heartbeats.observe(run)
