"""List all runs of a folder, reading only those whose status file has changed."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from core.experiment.runs.index import FileStamp, RunIndex, file_stamp
from core.experiment.runs.run import RUN_ID, AnyRun, Run, study_of
from core.experiment.runs.run_folder import NoSuchRun, read_run

StampedRun = tuple[FileStamp, AnyRun]
"""A run and the stamp of its status file when it was read."""


class RunListing:
    """The runs of one folder, cached in memory; finished ones also in the index on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._index = RunIndex(root / ".index.sqlite")
        self._listed: dict[str, StampedRun] | None = None  # by run id; None before the first listing
        self._ids_by_study: dict[str, tuple[int, list[str]]] = {}  # modification time of the folder, run ids
        self._lock = threading.Lock()

    def runs(self) -> list[AnyRun]:
        """All runs as stored on disk, in no particular order."""
        with self._lock:
            known: Mapping[str, StampedRun] = self._index.load() if self._listed is None else self._listed
            listed: dict[str, StampedRun] = {}
            newly_finished: list[tuple[FileStamp, Run]] = []
            for path in self._folders():
                stamped = _read_if_changed(path, known.get(path.name))
                if stamped is None:
                    continue
                listed[path.name] = stamped
                stamp, run = stamped
                if stamped is not known.get(path.name) and isinstance(run, Run) and run.state.is_finished:
                    newly_finished.append((stamp, run))
            if newly_finished:
                self._index.save(newly_finished)
            self._listed = listed
        return [run for _, run in listed.values()]

    def run_ids(self, study_id: str) -> list[str]:
        """The run ids of a study, sorted; the folder is read again only if runs were added or deleted."""
        modified = self._root.stat().st_mtime_ns if self._root.is_dir() else 0
        cached = self._ids_by_study.get(study_id)
        if cached is None or cached[0] != modified:
            cached = modified, sorted(path.name for path in self._folders() if study_of(path.name) == study_id)
            self._ids_by_study[study_id] = cached
        return cached[1]

    def study_ids(self) -> set[str]:
        """The ids of all studies."""
        return {study_of(path.name) for path in self._folders()}

    def _folders(self) -> list[Path]:
        if not self._root.is_dir():
            return []
        with os.scandir(self._root) as entries:  # detects links without a further disk access per entry
            return [
                self._root / entry.name for entry in entries if RUN_ID.fullmatch(entry.name) and not entry.is_symlink()
            ]


def _read_if_changed(path: Path, known: StampedRun | None) -> StampedRun | None:
    """The run in this folder, read again unless `known` has the same stamp; None if the folder is missing."""
    try:
        stamp = file_stamp(path / "status.json")
    except OSError:
        if not path.is_dir():
            return None
        stamp = (0, 0, 0)
    if known and known[0] == stamp and isinstance(known[1], Run):  # a corrupt run may have been repaired
        return known
    try:
        return stamp, read_run(path)
    except NoSuchRun:
        return None  # its folder has just been deleted
