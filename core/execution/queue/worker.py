"""Train one run, then exit: `python -m core.execution.queue.worker RUN_DIR --device ID --locks DIR`.

The heads of similar queued runs train beside it.

With `--wait` instead of the folder the worker imports Keras and waits for a line on stdin that names the run folder,
then trains that run. If stdin is closed first, the worker exits.

Exit codes: 0 the run's final status is written; 75 the device is in use; 76 another worker has the run.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import NoReturn

from filelock import Timeout

from core.execution.queue.prewarm_pipe import killed_first_when_out_of_memory, receive_run
from core.execution.queue.session import Job, Session
from core.execution.queue.side_by_side import train_side_by_side
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore
from core.machine.devices import CPU, DeviceLocks, fastest_dtype_policy
from core.machine.processes import DEVICE_TAKEN, RUN_TAKEN


def main(argv: list[str], job: Job | None = None) -> int:
    """Train the run named in `argv` with `job` (default: the real training) and return the exit code."""
    arguments = _parse(argv)
    run = _wait_for_run(prepare=job is None) if arguments.wait else arguments.run
    if run is None:
        return 0
    store = RunStore(run.parent)
    try:
        with DeviceLocks(arguments.locks).lock(arguments.device).acquire(blocking=False):
            return _train_locked(store, run.name, arguments.device, job or _train)
    except Timeout:
        return DEVICE_TAKEN


def exit_at_once(exit_code: int) -> NoReturn:
    """End this process without waiting for other threads; all results are written by now.

    A normal exit waits for TensorFlow's threads. After an interruption they may never end, and the device would stay
    locked.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # the log may lie on a full disk
            stream.flush()
    os._exit(exit_code)


def _wait_for_run(prepare: bool) -> Path | None:
    """Wait for the run of a prewarmed worker; `prepare` first imports Keras and the training code."""
    with killed_first_when_out_of_memory():
        if prepare:
            import core.learning.training.job
            import core.learning.training.keras_phase  # noqa: F401 - the former imports Keras only when a run needs it
        return receive_run()


def _train_locked(store: RunStore, run_id: str, device_id: str, job: Job) -> int:
    """Do `job` while holding the run's lock and return the exit code."""
    try:
        with store.lock(run_id).acquire(blocking=False):
            if store.get(run_id).state.is_finished:
                return RUN_TAKEN
            train_side_by_side(store, run_id, device_id, job)
    except Timeout:
        return RUN_TAKEN
    return 0


def _train(config: RunConfig, session: Session) -> bool:
    from core.learning.training.job import train_run  # Keras takes seconds to import: only once the run is locked

    return train_run(config, session, fastest_dtype_policy(session.device_id))


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m core.execution.queue.worker")
    parser.add_argument("run", type=Path, nargs="?", help="folder of the run to train")
    parser.add_argument("--wait", action="store_true", help="import Keras, then read the run's folder from stdin")
    parser.add_argument("--device", default=CPU, help="id of the device to train on")
    parser.add_argument("--locks", type=Path, required=True, help="folder of the device locks")
    arguments = parser.parse_args(argv)
    if (arguments.run is None) != arguments.wait:
        parser.error("Expected a run folder or --wait; received both or neither. Give one of them.")
    return arguments


if __name__ == "__main__":
    exit_at_once(main(sys.argv[1:]))
