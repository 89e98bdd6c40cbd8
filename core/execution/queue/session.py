"""The work of a worker around its training: status, heartbeat, metric rows, stop requests and the final status."""

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
from core.experiment.runs.errors import Diverged, HeadTrained, describe_exception
from core.experiment.runs.heartbeat import HEARTBEAT_SECONDS
from core.experiment.runs.metrics import MetricsReader, MetricsWriter
from core.experiment.runs.run import Row, Run, RunStatus, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.machine.devices import device_name
from core.machine.processes import process_identity

Job = Callable[[RunConfig, "Session"], bool]
"""Trains one run and returns whether it completed (False: it stopped on request)."""

INTERRUPT_AFTER_SECONDS = 2.0
"""Time that training has to notice a stop request by calling `should_stop`; then it is interrupted."""

_RESERVE_BYTES = 64 * 1024


class Session:
    """One run while one worker trains it. The worker is the only writer of the run's folder.

    A small reserve file is deleted when the disk is full, so that the final status can still be written.

    Args:
        stop_all: requests a stop, as a `stop` file in the run's folder does.
        trains_along: whether the run trains beside another in the same process, in a thread: then only its phases of
            the head, after which it is queued again if it has others.
    """

    def __init__(
        self,
        store: RunStore,
        run_id: str,
        device_id: str,
        stop_all: threading.Event | None = None,
        trains_along: bool = False,
    ) -> None:
        self.run = store.get_intact(run_id)
        self.folder: Path = store.path(run_id)
        self.device_id = device_id
        self.trains_along = trains_along
        self._store, self._stop_all = store, stop_all or threading.Event()
        self._reserve = self.folder / ".reserve"
        self._lock = threading.RLock()
        self._finished, self._stop_requested = threading.Event(), threading.Event()
        self._stop_noticed = self._interrupts_itself = False
        self._status = RunStatus(
            State.STARTING, started=time.time(), device=device_name(device_id), **process_identity()
        )

    def set_status(self, **changes: Any) -> None:
        """Change fields of the status and write it."""
        with self._lock:
            self._status = replace(self._status, **changes, beat=self._status.beat + 1)
            self._store.write_status(self.run.id, self._status)

    def emit(self, row: Row) -> None:
        """Append a row to the metrics and copy its phase, epoch and speed to the status."""
        self._metrics.append(row)
        with self._lock:  # the next heartbeat writes the status
            self._status = replace(
                self._status, phase=row["phase"], epoch=row["epoch"], images_per_second=row["images_per_second"]
            )

    def resume_from(self, rows: Sequence[Row]) -> None:
        """Append the epoch rows of the checkpoint that are missing in the metrics, and cancel the rows after it."""
        written = MetricsReader(self.folder / "metrics.jsonl").read()
        for row in rows[len(written.epochs) :]:
            self._metrics.append(row)
        if written.epochs or written.steps:
            self._metrics.append({"kind": "resume", "epoch": len(rows)})

    def depths_of_waiting_runs(self) -> frozenset[int]:
        """Return the depths trained by queued runs of this study whose configuration differs only in strategy."""
        waiting = [
            run
            for run in self._store.study(self.run.study).runs
            if isinstance(run, Run) and run.id != self.run.id and run.state is State.QUEUED
        ]
        return self.run.config.depths_of_similar_runs(run.config for run in waiting)

    def should_stop(self) -> bool:
        """Return whether a stop was requested. After True, the heartbeat thread does not interrupt training."""
        self._stop_noticed = self._stop_noticed or self._stop_requested.is_set() or self._stop_all.is_set()
        return self._stop_noticed

    def run_job(self, job: Job) -> State:
        """Do the job and write the final status, also after an error of the job. Raises `OSError` if writing fails."""
        try:
            self._begin()
            state, error = (State.COMPLETED if job(self.run.config, self) else State.STOPPED), None
        except KeyboardInterrupt:
            state, error = State.STOPPED, None
        except HeadTrained:
            return self._queue_again()
        except BaseException as exception:
            self._reserve.unlink(missing_ok=True)
            _log_traceback()
            state = State.DIVERGED if isinstance(exception, Diverged) else State.FAILED
            error = describe_exception(exception)
        if not self.trains_along:
            _ignore_signals()
        self._write_final_status(state=state, error=error, note="", ended=time.time())
        return state

    def _begin(self) -> None:
        if not self.trains_along:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._interrupt_once)
        self.set_status()
        threading.Thread(target=self._run_heartbeat, daemon=True, name="heartbeat").start()
        self._reserve.write_bytes(bytes(_RESERVE_BYTES))
        self._metrics = MetricsWriter(self.folder / "metrics.jsonl")

    def _write_final_status(self, **changes: Any) -> None:
        self._reserve.unlink(missing_ok=True)
        try:
            with self._lock:
                self._finished.set()
                self.set_status(**changes)
        except NoSuchRun:
            _log_traceback()  # the run's folder was deleted

    def _queue_again(self) -> State:
        """Write the status of a run that waits for a worker, which will continue from the checkpoint."""
        with self._lock:
            self._status = self._status.queued_again()
            self._write_final_status()
        return State.QUEUED

    def _run_heartbeat(self) -> None:
        """Write the status regularly and check for a stop request.

        Training that does not call `should_stop` within `INTERRUPT_AFTER_SECONDS` after a request is interrupted.
        """
        stop_seen = None
        while not self._finished.wait(HEARTBEAT_SECONDS / 4 if stop_seen else HEARTBEAT_SECONDS):
            try:
                self._write_status_unless_finished()
                if stop_seen is None and self._store.stop_requested(self.run.id):
                    stop_seen = time.monotonic()
                    self._stop_requested.set()
                    self._write_status_unless_finished(state=State.STOPPING)
            except NoSuchRun:
                return self._interrupt()  # the folder was deleted: training need not continue
            except OSError:
                _log_traceback()  # if the disk is full, the training fails and reports it
            if stop_seen and not self._stop_noticed and time.monotonic() - stop_seen > INTERRUPT_AFTER_SECONDS:
                return self._interrupt()

    def _interrupt(self) -> None:
        """Interrupt the training; beside another run only a request is possible."""
        self._stop_requested.set()
        if not self.trains_along:
            self._interrupts_itself = True
            _thread.interrupt_main()

    def _interrupt_once(self, _number: int, _frame: object) -> None:
        """Stop this run and, at a signal from outside, those beside it.

        Later signals are ignored, so that the final status can be written.
        """
        _ignore_signals()
        if not self._interrupts_itself:
            self._stop_all.set()
        raise KeyboardInterrupt

    def _write_status_unless_finished(self, **changes: Any) -> None:
        """Write the status, but not after the final one: another worker may have resumed the run by then."""
        with self._lock:
            if not self._finished.is_set():
                self.set_status(**changes)


def _log_traceback() -> None:
    with contextlib.suppress(OSError):  # the log may lie on a full disk
        traceback.print_exc()


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
