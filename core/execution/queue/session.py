"""What every worker does around its training: status, beat, rows, stop requests, and how it ended."""

import _thread
import contextlib
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.experiment.run_config import RunConfig
from core.experiment.runs.errors import Diverged, explain
from core.experiment.runs.heartbeat import BEAT_SECONDS
from core.experiment.runs.metrics import MetricsReader, MetricsWriter
from core.experiment.runs.run import Row, RunStatus, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.machine.devices import device_name
from core.machine.processes import own_identity

Job = Callable[[RunConfig, "Session"], bool]
"""Trains one run and returns whether it was completed (False: it stopped because it was asked to)."""

PATIENCE_SECONDS = 2.0
"""How long training may take to notice a stop request by itself before it is interrupted."""

_RESERVE_BYTES = 64 * 1024


class Session:
    """One run in the hands of one worker, the only writer of its folder.

    A small reserve of disk space is given back when the disk is full, so that even then the end can be written.
    """

    def __init__(self, store: RunStore, run_id: str, device_id: str) -> None:
        self.run = store.get_intact(run_id)
        self.folder: Path = store.path(run_id)
        self.device_id = device_id
        self._store = store
        self._reserve = self.folder / ".reserve"
        self._lock = threading.RLock()
        self._done, self._stop, self._heard = threading.Event(), threading.Event(), False
        self._status = RunStatus(State.STARTING, started=time.time(), device=device_name(device_id), **own_identity())

    def set_status(self, **changes: Any) -> None:
        """Change fields of the status and write it."""
        with self._lock:
            self._status = replace(self._status, **changes, beat=self._status.beat + 1)
            self._store.write_status(self.run.id, self._status)

    def emit(self, row: Row) -> None:
        """Append a row to the metrics and let the status follow it."""
        self._metrics.append(row)
        self._follow(phase=row["phase"], epoch=row["epoch"], images_per_second=row["images_per_second"])

    def resume_from(self, rows: Sequence[Row]) -> None:
        """Make the written rows agree with the checkpoint that training goes on from: each epoch once, none later."""
        written = MetricsReader(self.folder / "metrics.jsonl").read()
        for row in rows[len(written.epochs) :]:
            self._metrics.append(row)
        if written.epochs or written.steps:
            self._metrics.append({"kind": "resume", "epoch": len(rows)})

    def depths_of_waiting_runs(self) -> frozenset[int]:
        """Down to which depths those runs of its study train that still wait and share this one's frozen part."""
        others = (run for run in self._store.study(self.run.study).runs if run.id != self.run.id)
        return self.run.config.depths_of_similar_runs(run.config for run in others if run.state is State.QUEUED)

    def _follow(self, **changes: Any) -> None:
        with self._lock:
            self._status = replace(self._status, **changes)  # the next beat writes it

    def should_stop(self) -> bool:
        """Whether somebody asked this run to stop. Who was told so stops by itself, and is not interrupted at it."""
        self._heard = self._heard or self._stop.is_set()
        return self._heard

    def run_job(self, job: Job) -> State:
        """Do the job and write how it ended; never raises what the job raised. Raises `OSError` if even that fails."""
        try:
            self._begin()
            state, error = (State.COMPLETED if job(self.run.config, self) else State.STOPPED), None
        except KeyboardInterrupt:
            state, error = State.STOPPED, None
        except BaseException as trouble:
            self._reserve.unlink(missing_ok=True)
            _log_trouble()
            state = State.DIVERGED if isinstance(trouble, Diverged) else State.FAILED
            error = explain(trouble)
        _ignore_signals()
        self._say_end(state=state, error=error, note="", ended=time.time())
        return state

    def _begin(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _interrupt_once)
        self.set_status()
        threading.Thread(target=self._beat, daemon=True, name="beat").start()
        self._reserve.write_bytes(bytes(_RESERVE_BYTES))
        self._metrics = MetricsWriter(self.folder / "metrics.jsonl")

    def _say_end(self, **changes: Any) -> None:
        self._reserve.unlink(missing_ok=True)
        try:
            with self._lock:
                self._done.set()
                self.set_status(**changes)
        except NoSuchRun:
            _log_trouble()  # its folder was deleted: there is nobody left to tell

    def _beat(self) -> None:
        """Beat, and look for a stop request: first a sign for the training, then, if it does not look, a push."""
        asked_at = None
        while not self._done.wait(BEAT_SECONDS / 4 if asked_at else BEAT_SECONDS):
            try:
                self._say_unless_done()
                if asked_at is None and self._store.stop_requested(self.run.id):
                    asked_at = time.monotonic()
                    self._stop.set()
                    self._say_unless_done(state=State.STOPPING)
            except NoSuchRun:
                return _thread.interrupt_main()  # the folder was deleted: nobody wants this run
            except OSError:
                _log_trouble()  # the training meets a full disk itself, and says so
            if asked_at and not self._heard and time.monotonic() - asked_at > PATIENCE_SECONDS:
                return _thread.interrupt_main()

    def _say_unless_done(self, **changes: Any) -> None:
        """Nothing may be written after the end: the run may be in other hands by then."""
        with self._lock:
            if not self._done.is_set():
                self.set_status(**changes)


def _log_trouble() -> None:
    with contextlib.suppress(OSError):  # the log lies on the disk that may be full
        traceback.print_exc()


def _interrupt_once(_number: int, _frame: object) -> None:
    """The first signal interrupts; what then ends the run in good order is not interrupted again."""
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
