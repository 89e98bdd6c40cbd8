"""All access to the folder runs/. The files on disk are authoritative; the store's memory is only a cache of them."""

import json
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.experiment.run_config import RunConfig
from core.experiment.runs.heartbeat import STALE_AFTER, HeartbeatMonitor
from core.experiment.runs.liveness import has_exited, is_elsewhere, with_liveness
from core.experiment.runs.metrics import Metrics, MetricsReader
from core.experiment.runs.run import (
    RUN_ID,
    STUDY_ID,
    AnyRun,
    CorruptRun,
    Run,
    RunStatus,
    State,
    Study,
    queue_order,
)
from core.experiment.runs.run_folder import NoSuchRun, create_run_folders, read_log_tail, read_run
from core.experiment.runs.run_listing import RunListing
from core.machine.files import is_locked, read_json, write_atomically

MAX_READERS = 64
"""Number of runs, the most recently read ones, whose metrics stay in memory."""

REQUEUE_SECONDS = 5.0
"""How long `requeue` waits for the run's previous worker to exit."""

_POLL_SECONDS = 0.2


class StoreError(ValueError):
    """The runs folder cannot be used."""


class RunStore:
    """All runs in one folder, which is created if it is missing.

    Args:
        root: the folder. Raises `StoreError` if it cannot be written.
        stale_after: seconds without a heartbeat after which a run is considered lost.
    """

    def __init__(self, root: Path | str, stale_after: float = STALE_AFTER) -> None:
        self.root = Path(root).resolve()
        self._active = self.root / ".active"
        try:
            self._active.mkdir(parents=True, exist_ok=True)
            write_atomically(self.root / ".writable", "")
            (self.root / ".writable").unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"Expected a writable folder for runs; received {self.root} "
                f"({error.strerror}). Choose another with --runs."
            ) from error
        self._heartbeats = HeartbeatMonitor(stale_after)
        self._listing = RunListing(self.root)
        self._readers: dict[str, MetricsReader] = {}
        self._readers_lock = threading.Lock()

    # Reading

    def get(self, run_id: str) -> AnyRun:
        """The current state of a run. Raises `NoSuchRun`."""
        return self._with_current_state(read_run(self.path(run_id)))

    def get_intact(self, run_id: str) -> Run:
        """Like `get`, for callers that need the configuration. Raises `ValueError` for a corrupt run."""
        run = self.get(run_id)
        if isinstance(run, CorruptRun):
            raise ValueError(f"Expected a readable run; received {run_id}, which is corrupt. Choose another run.")
        return run

    def runs(self) -> tuple[AnyRun, ...]:
        """All runs, the newest first."""
        runs = map(self._with_current_state, self._listing.runs())
        return tuple(sorted(runs, key=lambda run: run.id, reverse=True))

    def study(self, study_id: str) -> Study:
        """The runs of one study in their order. Raises `NoSuchRun` if there are none."""
        if not isinstance(study_id, str) or not STUDY_ID.fullmatch(study_id):
            raise NoSuchRun(study_id)
        runs = tuple(run for run in map(self._find, self._listing.run_ids(study_id)) if run)
        if not runs:
            raise NoSuchRun(study_id)
        return Study(study_id, runs)

    def active(self) -> tuple[Run, ...]:
        """Runs that wait or train, in queue order. The cost does not depend on the number of finished runs."""
        runs = []
        if not self._active.is_dir():
            self.rebuild_active()
        for marker in sorted(self._active.iterdir()):
            run = self._find(marker.name)
            if run is None:
                marker.unlink(missing_ok=True)  # its folder was deleted by hand
            elif isinstance(run, Run) and not run.state.is_finished:
                runs.append(run)
        return tuple(sorted(runs, key=queue_order))

    def metrics(self, run_id: str) -> Metrics:
        """The rows of a run so far; only lines added since the last call are read. Raises `NoSuchRun`."""
        path = self.path(run_id) / "metrics.jsonl"
        with self._readers_lock:
            reader = self._readers.pop(run_id, None)
            if reader is None:
                reader = MetricsReader(path)
            self._readers[run_id] = reader  # at the end: the most recently used
            if len(self._readers) > MAX_READERS:
                del self._readers[next(iter(self._readers))]
            return reader.read()

    def evaluation(self, run_id: str) -> dict[str, Any] | None:
        """The results on the test split; None if they are missing or damaged. Raises `NoSuchRun`."""
        try:
            results = read_json(self.path(run_id) / "evaluation.json")
        except (OSError, ValueError):
            return None
        return results if isinstance(results, dict) and isinstance(results.get("accuracy"), float | int) else None

    def manifest(self, run_id: str) -> str:
        """The manifest's CSV text. Raises `NoSuchRun`."""
        return (self.path(run_id) / "manifest.csv").read_bytes().decode()

    def predictions(self, run_id: str) -> str:
        """The CSV text of the predictions for all test images. Raises `OSError` if there are none yet, `NoSuchRun`."""
        return (self.path(run_id) / "predictions.csv").read_bytes().decode()

    def log_tail(self, run_id: str, lines: int = 20) -> str:
        """The last lines of the worker's output. Raises `NoSuchRun`."""
        return read_log_tail(self.path(run_id), lines)

    def path(self, run_id: str) -> Path:
        """The folder of a run, always directly below the root. Raises `NoSuchRun`."""
        if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
            raise NoSuchRun(run_id)
        path = self.root / run_id
        if path.is_symlink() or not path.is_dir():
            raise NoSuchRun(run_id)
        return path

    # Changing

    def create_study(self, planned: Sequence[tuple[RunConfig, str]], most_runs: int = 0) -> Study:
        """Create a queued run for each (configuration, manifest as CSV text), in this order.

        `most_runs` is the number of runs that the study may have later (see `add_runs`), so that their ids are sorted.
        If an identical study still waits or trains, return it instead, so that a double click or a second browser tab
        does not start a study twice. Raises `ValueError`, `OSError`.
        """
        if not planned or len(planned) > 999:
            raise ValueError(f"Expected 1 to 999 runs in a study; received {len(planned)}.")
        with FileLock(self.root / ".lock"):
            identical = self._find_identical_study(planned)
            if identical:
                return identical
            study_id, digits = self._new_study_id(), max(2, len(str(max(most_runs, len(planned)))))
            create_run_folders(self.root, _numbered(study_id, planned, 1, digits))
        return self.study(study_id)

    def add_runs(self, study_id: str, planned: Sequence[tuple[RunConfig, str]]) -> Study:
        """Add queued runs to a study, numbered on from its last; a configuration that it has is not added again.

        Raises `NoSuchRun`, `OSError`.
        """
        with FileLock(self.root / ".lock"):
            runs = self.study(study_id).runs
            present = {run.config for run in runs if isinstance(run, Run)}
            numbers = [run.id.removeprefix(f"{study_id}-").partition("-")[0] for run in runs]
            new = [(config, manifest) for config, manifest in planned if config not in present]
            first, digits = max(map(int, numbers)) + 1, max(map(len, numbers))
            create_run_folders(self.root, _numbered(study_id, new, first, digits))
        return self.study(study_id)

    def create(self, config: RunConfig, manifest: str) -> Run:
        """Create a study of one run."""
        return self.get_intact(self.create_study([(config, manifest)]).runs[0].id)

    def write_status(self, run_id: str, status: RunStatus) -> None:
        """Replace a run's status atomically. Raises `OSError`, `NoSuchRun`."""
        folder = self.path(run_id)
        write_atomically(folder / "status.json", json.dumps(status.to_json()), durable=status.state.is_finished)
        if status.state.is_finished:
            (self._active / run_id).unlink(missing_ok=True)

    def request_stop(self, run_id: str) -> None:
        """Write a stop request for the run's worker or launcher, unless the run has finished. Raises `NoSuchRun`."""
        if not self.get(run_id).state.is_finished:
            write_atomically(self.path(run_id) / "stop", "")

    def stop_requested(self, run_id: str) -> bool:
        return (self.root / run_id / "stop").exists()

    def requeue(self, run_id: str) -> None:
        """Queue a stopped, failed or lost run again; it continues from its newest checkpoint. Raises `ValueError`.

        Waits for up to `stale_after` seconds to learn whether a worker on another host is alive.
        """
        before = self._expect_resumable(self._await_worker(run_id))
        try:
            with self.lock(run_id).acquire(timeout=REQUEUE_SECONDS):  # the previous worker may still be exiting
                written = read_run(self.path(run_id))
                if before.state is State.LOST and written.status == replace(before.status, state=written.state):
                    written = before  # no other process has changed it
                status = self._expect_resumable(written).status
                (self.path(run_id) / "stop").unlink(missing_ok=True)
                (self._active / run_id).touch()
                self.write_status(run_id, status.queued_again())
        except Timeout as error:
            raise ValueError(
                f"Expected {run_id} to have ended; its worker is still exiting. Try again in a few seconds, or stop it."
            ) from error

    def delete(self, run_id: str) -> None:
        """Delete a finished run permanently. Raises `NoSuchRun`; `ValueError` while it waits or trains."""
        run = self.get(run_id)
        if not run.state.is_finished:
            raise ValueError(f"Expected a finished run to delete; received {run_id}, {run.state}. Stop it first.")
        hidden = self.path(run_id).rename(self.root / f".deleted-{run_id}")
        self._readers.pop(run_id, None)
        shutil.rmtree(hidden, ignore_errors=True)

    def rebuild_active(self) -> None:
        """Restore the markers of all runs that wait or train. A launcher does so once at its start."""
        self._active.mkdir(parents=True, exist_ok=True)
        for run in self.runs():
            if not run.state.is_finished:
                (self._active / run.id).touch()

    def lock(self, run_id: str) -> FileLock:
        """The lock that a run's only writer holds: its worker, or the launcher if the worker is dead."""
        return FileLock(self.path(run_id) / ".lock")

    def is_locked(self, run_id: str) -> bool:
        """Whether a worker or launcher holds this run's lock."""
        return is_locked(self.lock(run_id))

    # Private

    def _find(self, run_id: str) -> AnyRun | None:
        try:
            return self.get(run_id)
        except NoSuchRun:
            return None

    def _with_current_state(self, run: AnyRun) -> AnyRun:
        if isinstance(run, CorruptRun):
            return run
        stopping = run.state in (State.STARTING, State.RUNNING) and self.stop_requested(run.id)
        try:
            current = with_liveness(
                run.with_state(State.STOPPING) if stopping else run, self.lock(run.id), self._heartbeats
            )
            if current.state is State.LOST and (written := read_run(self.path(run.id))) != run:
                return self._with_current_state(written)  # its worker has just written its last status and exited
        except NoSuchRun:
            return run  # its folder has just been deleted
        return current

    def _await_worker(self, run_id: str) -> AnyRun:
        """The run, once it is known whether its worker is alive. Raises `NoSuchRun`.

        On another host it is known by the next heartbeat. If the worker's process on this host is gone, its lock is
        free within `REQUEUE_SECONDS`.
        """
        run = first = self.get(run_id)
        deadline = time.monotonic() + REQUEUE_SECONDS
        while run.state.has_worker and (
            (is_elsewhere(run.status) and run.status.beat == first.status.beat)
            or (has_exited(run.status) and time.monotonic() < deadline)
        ):
            time.sleep(_POLL_SECONDS)
            run = self.get(run_id)
        return run

    def _expect_resumable(self, run: AnyRun) -> Run:
        if isinstance(run, CorruptRun) or not (run.state.is_resumable or run.state is State.LOST):
            status, where = run.status, ""
            if status.state.has_worker and status.host:
                where = f" in process {status.pid} of {status.host}. Stop it first"
            raise ValueError(f"Expected a stopped or failed run to resume; received {run.id}, {run.state}{where}.")
        run.config.backbone  # noqa: B018 - raises if it is no longer there
        return run

    def _find_identical_study(self, planned: Sequence[tuple[RunConfig, str]]) -> Study | None:
        for study_id in sorted({run.study for run in self.active()}):
            study = self.study(study_id)
            readable = [run for run in study.runs if isinstance(run, Run)]
            if [run.config for run in readable] == [config for config, _ in planned] and all(
                self.manifest(run.id) == manifest for run, (_, manifest) in zip(readable, planned, strict=True)
            ):
                return study
        return None

    def _new_study_id(self) -> str:
        taken = self._listing.study_ids()
        moment = datetime.fromtimestamp(time.time())
        while (study_id := f"{moment:%Y%m%d-%H%M%S}-{moment.microsecond // 1000:03d}") in taken:
            moment += timedelta(milliseconds=1)
        return study_id


def _numbered(
    study_id: str, planned: Sequence[tuple[RunConfig, str]], first: int, digits: int
) -> dict[str, tuple[RunConfig, str]]:
    """The planned runs by their ids, numbered from `first` on."""
    return {
        f"{study_id}-{number:0{digits}d}-{config.strategy.name}": (config, manifest)
        for number, (config, manifest) in enumerate(planned, start=first)
    }
