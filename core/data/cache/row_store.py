"""Rows of numbers kept on disk by the image they were computed from, shared by phases, runs and processes.

A shelf is a folder: `about.json` says what its rows are, `rows.bin` holds them one after another, `records.bin` says
for each which image it belongs to, its checksum and what it cost. A row counts only with its record, which is written
after it, and only while its checksum holds: a kill, a full disk or a flipped bit costs the row, never its truth. Rows
are read with plain reads rather than a memory map: the system caches them all the same, and a file that another process
removes is an error here, not a crash.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import numpy as np
from filelock import FileLock

from core.machine.files import read_json, write_whole

VERSION = 1
_RECORD = np.dtype([("image", "V32"), ("checksum", "<u4"), ("seconds", "<f4")])


@dataclass(frozen=True)
class Kind:
    """What the rows of a shelf are.

    Args:
        what: in a word or two, for people.
        shape: of one row.
        dtype: numpy's name of it.
        made: everything besides the image that determines a row.
    """

    what: str
    shape: tuple[int, ...]
    dtype: str
    made: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "what": self.what,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "made": dict(self.made),
        }

    @cached_property
    def name(self) -> str:
        """The name of its shelf: the same for the same content, whoever asks."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:24]

    @cached_property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


class RowStore:
    """The rows of one kind. Several threads and processes may read and write it at once.

    Args:
        folder: its folder, made where it is missing. Raises `OSError` where it cannot be.
    """

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.folder, self.kind = folder, kind
        self._guard, self._lock = threading.RLock(), FileLock(folder / ".lock", thread_local=False)
        self._places: dict[bytes, int] = {}
        self._seconds: list[float] = []
        self._checksums: list[int] = []
        self._sound: set[int] = set()
        folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            _expect_about(folder, kind)
            for name in ("rows.bin", "records.bin"):
                (folder / name).touch()
        self._rows: BinaryIO = (folder / "rows.bin").open("rb", buffering=0)
        self._records: BinaryIO = (folder / "records.bin").open("rb", buffering=0)
        os.utime(folder / "about.json")  # used just now
        self._read_new_records()

    def close(self) -> None:
        self._rows.close()
        self._records.close()

    def count_stored(self, images: Sequence[str]) -> int:
        """How many of these images (SHA-256 as hexadecimal) have a row here."""
        with self._guard:
            return sum(bytes.fromhex(image) in self._places for image in images)

    def read(self, images: Sequence[str]) -> tuple[np.ndarray, np.ndarray, float]:
        """(rows, which of them are here, the seconds that computing those took). What is not here is left at zero."""
        rows = np.zeros((len(images), *self.kind.shape), self.kind.dtype)
        here, seconds = np.zeros(len(images), bool), 0.0
        with self._guard:
            keys = [bytes.fromhex(image) for image in images]
            if any(key not in self._places for key in keys):
                self._read_new_records()
            for number, key in enumerate(keys):
                place = self._places.get(key)
                if place is not None and self._read_row(place, rows[number]):
                    here[number], seconds = True, seconds + self._seconds[place]
                elif place is not None:
                    del self._places[key]  # damaged: it is computed anew and put at the end
        return rows, here, seconds

    def append(self, images: Sequence[str], rows: np.ndarray, seconds: float) -> None:
        """Keep the rows of images that have none yet; computing all of them took `seconds`. Raises `OSError`."""
        with self._guard, self._lock:
            self._read_new_records()
            new = {bytes.fromhex(image): row for image, row in zip(images, rows, strict=True)}
            new = {
                key: np.ascontiguousarray(row, self.kind.dtype).tobytes()
                for key, row in new.items()
                if key not in self._places
            }
            records = np.array([(key, crc32(row), seconds / len(images)) for key, row in new.items()], _RECORD)
            self._append("rows.bin", self.kind.row_bytes, b"".join(new.values()))
            self._append("records.bin", _RECORD.itemsize, records.tobytes())
            self._read_new_records()

    def _append(self, name: str, width: int, content: bytes) -> None:
        """Write behind the last row that has a record; what a kill left there is overwritten."""
        with (self.folder / name).open("r+b", buffering=0) as file:
            file.seek(len(self._checksums) * width)
            written = 0
            while written < len(content):
                written += file.write(content[written:])

    def _read_new_records(self) -> None:
        self._records.seek(len(self._checksums) * _RECORD.itemsize)
        content = self._records.read()
        whole = len(content) // _RECORD.itemsize * _RECORD.itemsize  # the last may be half written
        for record in np.frombuffer(content[:whole], _RECORD):
            self._places[record["image"].tobytes()] = len(self._checksums)
            self._checksums.append(int(record["checksum"]))
            self._seconds.append(float(record["seconds"]))

    def _read_row(self, place: int, into: np.ndarray) -> bool:
        """Read one row; False where it is not as its record says. Each is checked at its first reading."""
        self._rows.seek(place * self.kind.row_bytes)
        view = memoryview(into.reshape(-1).view(np.uint8))
        if self._rows.readinto(view) != len(view):
            return False
        if place not in self._sound:
            if crc32(view) != self._checksums[place]:
                return False
            self._sound.add(place)
        return True


def _expect_about(folder: Path, kind: Kind) -> None:
    """Make the folder that of this kind: whatever else it holds, damaged or foreign, is never trusted."""
    about, wanted = folder / "about.json", kind.to_json()
    try:
        if read_json(about) == json.loads(json.dumps(wanted)):
            return
    except (OSError, ValueError):
        pass  # none yet, or damaged: begun anew either way
    for name in ("records.bin", "rows.bin"):
        (folder / name).unlink(missing_ok=True)
    write_whole(about, json.dumps(wanted))
