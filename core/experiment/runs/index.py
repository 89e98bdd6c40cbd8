"""An SQLite cache of finished runs, so that 10,000 of them list quickly. It may be deleted and is then rebuilt."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus

FileStamp = tuple[int, int, int]
"""Inode, modification time in ns and size of a file. A changed stamp means a changed file."""


def file_stamp(path: Path) -> FileStamp:
    """The stamp of a file. Raises `OSError` if it does not exist."""
    info = path.stat()
    return info.st_ino, info.st_mtime_ns, info.st_size


class RunIndex:
    """Reads and writes the cache. A damaged or unwritable cache is treated as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, tuple[FileStamp, Run]]:
        """All cached runs by id, with the stamps of their status files."""
        try:
            with closing(self._connect()) as db:
                rows = db.execute("SELECT id, ino, mtime, size, config, status FROM runs").fetchall()
            return {
                id_: ((ino, mtime, size), _run(id_, config, status)) for id_, ino, mtime, size, config, status in rows
            }
        except (sqlite3.Error, ValueError, OSError):
            self._drop()
            return {}

    def save(self, runs: Iterable[tuple[FileStamp, Run]]) -> None:
        """Add these runs to the cache, or replace their entries."""
        rows = [
            (run.id, *stamp, json.dumps(run.config.to_json()), json.dumps(run.status.to_json())) for stamp, run in runs
        ]
        try:
            with closing(self._connect()) as db, db:
                db.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)", rows)
        except (sqlite3.Error, OSError):
            self._drop()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=2)
        db.execute(
            "CREATE TABLE IF NOT EXISTS runs "
            "(id TEXT PRIMARY KEY, ino INTEGER, mtime INTEGER, size INTEGER, config TEXT, status TEXT)"
        )
        return db

    def _drop(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return  # a read-only folder; runs are then read from their own folders


def _run(id_: str, config: str, status: str) -> Run:
    return Run(id_, RunConfig.from_json(json.loads(config)), RunStatus.from_json(json.loads(status)))
