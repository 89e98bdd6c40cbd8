"""`python -m core.execution.queue.worker RUN_DIR --device ID --leases DIR`: trains one run, then exits.

With `--wait` in place of the folder it imports Keras, then waits until a line on stdin names the folder, and from there
on is the same; where stdin ends first, so does it.

Exit codes: 0 it said how it ended; 75 the device is taken; 76 another worker has the run.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import NoReturn

from filelock import Timeout

from core.execution.queue.prewarm_pipe import killed_first, receive_run
from core.execution.queue.session import Job, Session
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore
from core.machine.devices import CPU, Leases, gains_from_half_precision
from core.machine.processes import DEVICE_TAKEN, RUN_TAKEN


def main(argv: list[str], job: Job | None = None) -> int:
    """Train the run in `argv` with `job` (the real one where none is given) and return the exit code."""
    arguments = _parse(argv)
    run = _awaited(prepare=job is None) if arguments.wait else arguments.run
    if run is None:
        return 0
    store = RunStore(run.parent)
    try:
        with Leases(arguments.leases).lock(arguments.device).acquire(blocking=False):
            return _work(store, run.name, arguments.device, job or _train)
    except Timeout:
        return DEVICE_TAKEN


def leave(exit_code: int) -> NoReturn:
    """End this process at once: all that it had to say is written.

    An orderly exit waits for TensorFlow's threads. After an interruption they may never come to rest, and the device
    would stay taken.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # the log lies on the disk that may be full
            stream.flush()
    os._exit(exit_code)


def _awaited(prepare: bool) -> Path | None:
    """The run this worker was started ahead for; with all that takes long and depends on no run done before."""
    with killed_first():
        if prepare:
            import core.learning.training.job  # noqa: F401
        return receive_run()


def _work(store: RunStore, run_id: str, device_id: str, job: Job) -> int:
    try:
        with store.lock(run_id).acquire(blocking=False):
            if store.get(run_id).state.is_finished:
                return RUN_TAKEN
            Session(store, run_id, device_id).run_job(job)
    except Timeout:
        return RUN_TAKEN
    return 0


def _train(config: RunConfig, session: Session) -> bool:
    from core.learning.training.job import train_run  # Keras takes seconds to import: only once the run is ours

    return train_run(config, session, gains_from_half_precision(session.device_id))


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m core.execution.queue.worker")
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--wait", action="store_true", help="for a line on stdin that names the run, Keras imported")
    parser.add_argument("--device", default=CPU)
    parser.add_argument("--leases", type=Path, required=True)
    arguments = parser.parse_args(argv)
    if (arguments.run is None) != arguments.wait:
        parser.error("Expected a run's folder or --wait; received both or neither. Give one of them.")
    return arguments


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
