"""A real worker process with a job that needs no Keras; the first argument names the job."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.execution.queue.session import Session
from core.execution.queue.worker import exit_at_once, main
from core.experiment.run_config import RunConfig
from core.experiment.runs.errors import Diverged
from core.experiment.runs.run import State
from core.learning.training.checkpoint import Checkpoint, Checkpoints


def epoch(number: int) -> dict:
    return {
        "kind": "epoch",
        "epoch": number,
        "phase": 1,
        "unfreeze": 0,
        "learning_rate": 1e-3,
        "loss": 1.0,
        "accuracy": 0.5,
        "val_loss": 1.0,
        "val_accuracy": 0.5,
        "seconds": 0.05,
        "elapsed": 0.05 * number,
        "trainable_parameters": 1,
        "images_per_second": 1.0,
    }


def quick(_config: RunConfig, session: Session) -> bool:
    session.resume_from(())
    session.set_status(state=State.RUNNING)
    session.emit(epoch(1))
    return True


def endless(_config: RunConfig, session: Session) -> bool:
    session.set_status(state=State.RUNNING)
    number = 0
    while not session.should_stop():
        number += 1
        session.emit(epoch(number))
        time.sleep(0.05)
    return False


def ignores_signals(_config: RunConfig, session: Session) -> bool:
    """Ignores all signals, and starts a child process that ignores SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]
    )
    (session.folder / "child").write_text(str(child.pid))
    session.set_status(state=State.RUNNING)
    while True:
        time.sleep(0.05)


def never_checks(_config: RunConfig, session: Session) -> bool:
    """Never calls `should_stop`, but can be interrupted."""
    session.set_status(state=State.RUNNING)
    while True:
        time.sleep(0.05)


def out_of_memory(_config: RunConfig, _session: Session) -> bool:
    return bool(bytearray(1 << 62))


def diverge(_config: RunConfig, _session: Session) -> bool:
    raise Diverged(17, 0.01)


def crash(_config: RunConfig, _session: Session) -> bool:
    print("last words before the crash", flush=True)
    os._exit(3)


def fill_disk(_config: RunConfig, session: Session) -> bool:
    """Writes rows until the disk is full or the file size limit is reached."""
    session.set_status(state=State.RUNNING)
    for number in range(1, 10**6):
        session.emit(epoch(number))
    return True


def fill_disk_with_checkpoints(_config: RunConfig, session: Session) -> bool:
    """Saves larger and larger checkpoints until one does not fit."""
    session.set_status(state=State.RUNNING)
    checkpoints = Checkpoints(session.folder / "checkpoint")
    for number in range(1, 100):
        arrays = (np.zeros(number * 100_000, np.uint8),)
        checkpoints.save(Checkpoint(tuple(map(epoch, range(1, number + 1))), arrays, (), arrays))
        session.emit(epoch(number))
    return True


def leaves_a_thread(_config: RunConfig, session: Session) -> bool:
    """Leaves a thread for which a normal exit would wait."""
    threading.Thread(target=time.sleep, args=(600,)).start()
    return quick(_config, session)


def job_from_folder(config: RunConfig, session: Session) -> bool:
    """Does the job named in the run's folder: a prewarmed worker does not know its run when it starts."""
    return JOBS[(session.folder / "job").read_text()](config, session)


def starting(_config: RunConfig, session: Session) -> bool:
    """Never reaches its first training step."""
    while not session.should_stop():
        time.sleep(0.05)
    return False


def measured(config: RunConfig, session: Session) -> bool:
    """Ends with the test accuracy that `accuracies.json` beside the runs folder names for the strategy and the seed.

    It has a list for each strategy, from which the seeds take their values in turn; null: the run fails.
    """
    accuracies = json.loads((session.folder.parents[1] / "accuracies.json").read_text())[config.strategy.name]
    accuracy = accuracies[config.seed % len(accuracies)]
    if accuracy is None:
        raise ValueError("Expected an accuracy; received none.")
    evaluation = {"split": "test", "images": 100, "accuracy": accuracy, "classes": ["a", "b"]}
    (session.folder / "evaluation.json").write_text(json.dumps(evaluation))
    return quick(config, session)


JOBS: dict[str, Callable[[RunConfig, Session], bool]] = {
    job.__name__: job
    for job in (
        quick,
        endless,
        ignores_signals,
        never_checks,
        out_of_memory,
        diverge,
        crash,
        fill_disk,
        fill_disk_with_checkpoints,
        job_from_folder,
        starting,
        leaves_a_thread,
        measured,
    )
}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    if name == "import_error":
        import a_module_that_does_not_exist  # noqa: F401
    if name.startswith("limited"):
        import resource

        limit = {"limited_from_the_start": 20_000, "limited_later": 200_000}[name]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        name = "fill_disk"
    exit_at_once(main(arguments, JOBS[name]))
