"""A cache of finished runs beside the folders, so that 10,000 of them list at once. Deleting it costs only time."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus

Stamp = tuple[int, int, int]
"""What tells that a status file is still the one that was read: inode, modification time in ns, size."""


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file. Raises `OSError` where there is none."""
    info = path.stat()
    return info.st_ino, info.st_mtime_ns, info.st_size


class Index:
    """Reads and writes the cache. A damaged or unwritable file is as good as none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, tuple[Stamp, Run]]:
        """All runs kept, by id."""
        try:
            with closing(self._connect()) as db:
                rows = db.execute("SELECT id, ino, mtime, size, config, status FROM runs").fetchall()
            return {
                id_: ((ino, mtime, size), _run(id_, config, status)) for id_, ino, mtime, size, config, status in rows
            }
        except (sqlite3.Error, ValueError, OSError):
            self._drop()
            return {}

    def save(self, runs: Iterable[tuple[Stamp, Run]]) -> None:
        """Keep these runs too, in place of what was kept of them."""
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
            return  # a read-only folder keeps what it has; the folders are the truth


def _run(id_: str, config: str, status: str) -> Run:
    return Run(id_, RunConfig.from_json(json.loads(config)), RunStatus.from_json(json.loads(status)))
