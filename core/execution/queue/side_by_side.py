"""Train the heads of several queued runs of a study side by side in one worker, on the same cached features."""

import threading
from contextlib import suppress
from dataclasses import replace

from filelock import Timeout

from core.execution.queue.session import Job, Session
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore

LOCK_SECONDS = 0.5
"""How long to wait for a run's lock: a launcher holds it for a moment whenever it tests it."""

MAX_RUNS = 16
"""The most runs that train side by side; each takes some memory."""


def train_side_by_side(store: RunStore, run_id: str, device_id: str, job: Job) -> None:
    """Train a run, whose lock the caller holds, and beside it the heads of similar queued runs of its study.

    Each of them is a run of its own, with its own lock, heartbeat, rows, checkpoints and stop request.
    """
    stop_all = threading.Event()
    session = Session(store, run_id, device_id, stop_all)
    threads = [
        threading.Thread(target=_train_along, args=(store, other, device_id, job, stop_all), name=other)
        for other in similar_queued_runs(store, session.run)
    ]
    for thread in threads:
        thread.start()
    session.run_job(job)
    for thread in threads:
        thread.join()


def similar_queued_runs(store: RunStore, run: Run) -> list[str]:
    """Return the queued runs of the study that train on the same features in their first phase, in queue order.

    They may differ in their seeds and dropout, and in the learning rates, epochs and later phases of their strategies.
    The list is empty if the run itself begins with other layers, or shares no features with other runs.
    """
    if not run.config.strategy.head_phases or not run.config.reuse or run.config.weights == "random":
        return []
    others = (other for other in store.study(run.study).runs if isinstance(other, Run) and other.id != run.id)
    similar = [
        other.id
        for other in others
        if other.state is State.QUEUED
        and _head_is_untrained(other)
        and _with_head_of(other.config, run.config) == run.config
    ]
    return similar[: MAX_RUNS - 1]


def _head_is_untrained(run: Run) -> bool:
    """Whether a queued run still has epochs of its first phases, which train the head."""
    phases = run.config.strategy.head_phases
    return run.status.phase <= len(phases) and run.status.epoch < sum(phase.epochs for phase in phases)


def _with_head_of(config: RunConfig, run: RunConfig) -> RunConfig:
    """The configuration with the settings of `run` that do not affect the features of the frozen layers."""
    return replace(config, strategy=run.strategy, dropout=run.dropout, seed=run.seed, split_seed=run.split_seed)


def _train_along(store: RunStore, run_id: str, device_id: str, job: Job, stop_all: threading.Event) -> None:
    """Train the head of a queued run, unless another worker has it, or it was stopped or deleted."""
    with suppress(Timeout, NoSuchRun), store.lock(run_id).acquire(timeout=LOCK_SECONDS):
        if store.get(run_id).state is State.QUEUED and not store.stop_requested(run_id):
            Session(store, run_id, device_id, stop_all, trains_along=True).run_job(job)
