"""The only code that touches runs/. Truth lives on disk; what is kept in memory here is a cache of it."""

import json
import os
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.experiment.run_config import RunConfig
from core.experiment.runs.heartbeat import STALE_AFTER, HeartbeatMonitor
from core.experiment.runs.index import Index, Stamp, stamp_of
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
    queue_place,
    study_of,
)
from core.experiment.runs.run_folder import NoSuchRun, create_run_folders, read_log_tail, read_run
from core.machine.files import is_held, read_json, write_whole

KEPT_READERS = 64
"""Runs whose rows stay in memory: those looked at last."""

REQUEUE_SECONDS = 5.0
"""How long a resume waits for the run's last worker to leave."""


class StoreError(ValueError):
    """The runs folder cannot be used."""


class RunStore:
    """All runs below one folder, created where it is missing.

    Args:
        root: the folder. Raises `StoreError` where it cannot be written.
        stale_after: seconds without a beat after which a working run is called lost.
    """

    def __init__(self, root: Path | str, stale_after: float = STALE_AFTER) -> None:
        self.root = Path(root).resolve()
        self._active = self.root / ".active"
        try:
            self._active.mkdir(parents=True, exist_ok=True)
            write_whole(self.root / ".writable", "")
            (self.root / ".writable").unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"Expected a folder for runs that can be written; received {self.root} "
                f"({error.strerror}). Choose another with --runs."
            ) from error
        self._pulse = HeartbeatMonitor(stale_after)
        self._index = Index(self.root / ".index.sqlite")
        self._known: dict[str, tuple[Stamp, AnyRun]] | None = None
        self._readers: dict[str, MetricsReader] = {}
        self._members: dict[str, tuple[int, list[str]]] = {}
        self._guard = threading.RLock()

    # Asking

    def get(self, run_id: str) -> AnyRun:
        """One run as it stands now. Raises `NoSuchRun`."""
        return self._observed(read_run(self.path(run_id)))

    def get_intact(self, run_id: str) -> Run:
        """Like `get`, for callers that need the configuration. Raises `ValueError` for a corrupt run."""
        run = self.get(run_id)
        if isinstance(run, CorruptRun):
            raise ValueError(f"Expected a readable run; received {run_id}, which is corrupt. Choose another run.")
        return run

    def runs(self) -> tuple[AnyRun, ...]:
        """All runs, the newest first."""
        with self._guard:
            known: Mapping[str, tuple[Stamp, AnyRun]] = self._index.load() if self._known is None else self._known
            found: dict[str, tuple[Stamp, AnyRun]] = {}
            fresh: list[tuple[Stamp, Run]] = []
            for path in self._folders():
                entry = self._entry(path, known)
                if entry is None:
                    continue
                found[path.name] = entry
                stamp, run = entry
                if entry is not known.get(path.name) and isinstance(run, Run) and run.state.is_finished:
                    fresh.append((stamp, run))
            if fresh:
                self._index.save(fresh)
            self._known = found
        return tuple(sorted((self._observed(run) for _, run in found.values()), key=lambda run: run.id, reverse=True))

    def study(self, study_id: str) -> Study:
        """The runs of one study in their order. Raises `NoSuchRun` where there are none."""
        if not isinstance(study_id, str) or not STUDY_ID.fullmatch(study_id):
            raise NoSuchRun(study_id)
        runs = tuple(run for run in map(self._find, self._members_of(study_id)) if run)
        if not runs:
            raise NoSuchRun(study_id)
        return Study(study_id, runs)

    def active(self) -> tuple[Run, ...]:
        """Runs that wait or train, in the order of the queue. Costs the same however many runs have finished."""
        runs = []
        if not self._active.is_dir():
            self.rebuild_active()
        for marker in sorted(self._active.iterdir()):
            run = self._find(marker.name)
            if run is None:
                marker.unlink(missing_ok=True)  # its folder was deleted by hand
            elif isinstance(run, Run) and not run.state.is_finished:
                runs.append(run)
        return tuple(sorted(runs, key=queue_place))

    def metrics(self, run_id: str) -> Metrics:
        """The rows of a run so far; only what is new since the last call is read. Raises `NoSuchRun`."""
        path = self.path(run_id) / "metrics.jsonl"
        with self._guard:
            reader = self._readers[run_id] = self._readers.pop(run_id, None) or MetricsReader(path)
            if len(self._readers) > KEPT_READERS:
                del self._readers[next(iter(self._readers))]
            return reader.read()

    def evaluation(self, run_id: str) -> dict[str, Any] | None:
        """What the test split said, or None before it was measured. Raises `NoSuchRun`."""
        try:
            found = read_json(self.path(run_id) / "evaluation.json")
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and isinstance(found.get("accuracy"), float | int) else None

    def manifest(self, run_id: str) -> str:
        """The manifest's CSV text. Raises `NoSuchRun`."""
        return (self.path(run_id) / "manifest.csv").read_bytes().decode()

    def predictions(self, run_id: str) -> str:
        """The CSV text of what the model said of each test image. Raises `OSError` before there is any, `NoSuchRun`."""
        return (self.path(run_id) / "predictions.csv").read_bytes().decode()

    def log_tail(self, run_id: str, lines: int = 20) -> str:
        """The last lines of the worker's own output."""
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

    def create_study(self, planned: Sequence[tuple[RunConfig, str]]) -> Study:
        """Claim a folder for each (configuration, manifest text), all queued, in this order.

        The same study asked for again while it still waits or trains is that study, not a second one: a double
        click or a second tab starts nothing twice.
        """
        if not planned or len(planned) > 999:
            raise ValueError(f"Expected 1 to 999 runs in a study; received {len(planned)}.")
        with FileLock(self.root / ".lock"):
            same = self._same_study(planned)
            if same:
                return same
            study_id, digits = self._new_study_id(), max(2, len(str(len(planned))))
            create_run_folders(
                self.root,
                {
                    f"{study_id}-{number:0{digits}d}-{config.strategy.name}": (config, manifest)
                    for number, (config, manifest) in enumerate(planned, start=1)
                },
            )
        return self.study(study_id)

    def create(self, config: RunConfig, manifest: str) -> Run:
        """Create a study of one run."""
        return self.get_intact(self.create_study([(config, manifest)]).runs[0].id)

    def write_status(self, run_id: str, status: RunStatus) -> None:
        """Replace a run's status atomically. Raises `OSError`, `NoSuchRun`."""
        folder = self.path(run_id)
        write_whole(folder / "status.json", json.dumps(status.to_json()), durable=status.state.is_finished)
        if status.state.is_finished:
            (self._active / run_id).unlink(missing_ok=True)

    def request_stop(self, run_id: str) -> None:
        """Ask the run to stop; whoever trains or queues it sees the request. Raises `NoSuchRun`."""
        if not self.get(run_id).state.is_finished:
            write_whole(self.path(run_id) / "stop", "")

    def stop_requested(self, run_id: str) -> bool:
        return (self.root / run_id / "stop").exists()

    def requeue(self, run_id: str) -> None:
        """Queue a stopped or failed run again; it goes on from its newest checkpoint. Raises `ValueError`."""
        self._expect_resumable(run_id)
        try:
            with self.lock(run_id).acquire(timeout=REQUEUE_SECONDS):  # its last worker may still be on its way out
                status = self._expect_resumable(run_id).status
                (self.path(run_id) / "stop").unlink(missing_ok=True)
                (self._active / run_id).touch()
                self.write_status(run_id, RunStatus(phase=status.phase, epoch=status.epoch))
        except Timeout as error:
            raise ValueError(f"Expected {run_id} to have ended; its worker still has it. Try again.") from error

    def delete(self, run_id: str) -> None:
        """Remove a finished run for good. Raises `NoSuchRun`; `ValueError` while it waits or trains."""
        run = self.get(run_id)
        if not run.state.is_finished:
            raise ValueError(f"Expected a finished run to delete; received {run_id}, {run.state}. Stop it first.")
        doomed = self.path(run_id).rename(self.root / f".deleted-{run_id}")
        self._readers.pop(run_id, None)
        shutil.rmtree(doomed, ignore_errors=True)

    def rebuild_active(self) -> None:
        """Mark again every run that waits or trains: a launcher does it once at its start."""
        self._active.mkdir(parents=True, exist_ok=True)
        for run in self.runs():
            if not run.state.is_finished:
                (self._active / run.id).touch()

    def lock(self, run_id: str) -> FileLock:
        """The lock that a run's one writer holds: its worker, or for a dead one the launcher."""
        return FileLock(self.path(run_id) / ".lock")

    def is_locked(self, run_id: str) -> bool:
        """Whether a worker has this run in hand."""
        return is_held(self.lock(run_id))

    # Inside

    def _members_of(self, study_id: str) -> list[str]:
        """The run ids of a study; the folder is looked through again only when runs came or went."""
        changed = self.root.stat().st_mtime_ns if self.root.is_dir() else 0
        kept = self._members.get(study_id)
        if kept is None or kept[0] != changed:
            kept = changed, sorted(path.name for path in self._folders() if study_of(path.name) == study_id)
            self._members[study_id] = kept
        return kept[1]

    def _find(self, run_id: str) -> AnyRun | None:
        try:
            return self.get(run_id)
        except NoSuchRun:
            return None

    def _folders(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        with os.scandir(self.root) as entries:  # it knows links without asking the disk again for each of 10,000
            return [
                self.root / entry.name for entry in entries if RUN_ID.fullmatch(entry.name) and not entry.is_symlink()
            ]

    def _entry(self, path: Path, known: Mapping[str, tuple[Stamp, AnyRun]]) -> tuple[Stamp, AnyRun] | None:
        try:
            stamp = stamp_of(path / "status.json")
        except OSError:
            if not path.is_dir():
                return None
            stamp = (0, 0, 0)
        entry = known.get(path.name)
        if entry and entry[0] == stamp and isinstance(entry[1], Run):  # a corrupt one may have been put back
            return entry
        try:
            return stamp, read_run(path)
        except NoSuchRun:
            return None  # its folder was deleted meanwhile

    def _observed(self, run: AnyRun) -> AnyRun:
        if isinstance(run, CorruptRun):
            return run
        stopping = run.state in (State.STARTING, State.RUNNING) and self.stop_requested(run.id)
        return self._pulse.observe(run.with_state(State.STOPPING) if stopping else run)

    def _expect_resumable(self, run_id: str) -> Run:
        run = self.get(run_id)
        if isinstance(run, CorruptRun) or not run.state.is_resumable:
            raise ValueError(f"Expected a stopped or failed run to resume; received {run_id}, {run.state}.")
        return run

    def _same_study(self, planned: Sequence[tuple[RunConfig, str]]) -> Study | None:
        for study_id in sorted({run.study for run in self.active()}):
            study = self.study(study_id)
            configs = [run.config for run in study.runs if isinstance(run, Run)]
            if configs == [config for config, _ in planned] and all(
                self.manifest(run.id) == manifest for run, (_, manifest) in zip(study.runs, planned, strict=True)
            ):
                return study
        return None

    def _new_study_id(self) -> str:
        taken = {study_of(path.name) for path in self._folders()}
        moment = datetime.fromtimestamp(time.time())
        while (study_id := f"{moment:%Y%m%d-%H%M%S}-{moment.microsecond // 1000:03d}") in taken:
            moment += timedelta(milliseconds=1)
        return study_id
