"""A row store: arrays on disk, one row per image, shared by phases, runs and processes.

Each store is a folder: `about.json` describes its rows, `rows.bin` contains them one after another, and `records.bin`
contains for each row the image it was computed from, a checksum and the computing time. A row is valid only if it has
a record, which is written after it, and a matching checksum: a killed process, a full disk or a flipped bit loses a row
but never returns a wrong one. Rows are read with plain reads instead of a memory map: the operating system caches them
as well, and if another process deletes the file, the result is an error instead of a crash.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from filelock import FileLock

from core.machine.files import read_json, write_atomically

VERSION = 1
_RECORD = np.dtype([("image", "V32"), ("checksum", "<u4"), ("seconds", "<f4")])


@dataclass(frozen=True)
class Kind:
    """A kind of cached rows.

    Args:
        description: one or two words for display.
        shape: of one row.
        dtype: its NumPy name.
        parameters: everything besides the image that determines a row.
    """

    description: str
    shape: tuple[int, ...]
    dtype: str
    parameters: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "what": self.description,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "made": dict(self.parameters),
        }

    @cached_property
    def name(self) -> str:
        """Folder name of its row store: a hash of `to_json`."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:24]

    @cached_property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


class RowStore:
    """The cached rows of one kind. Several threads and processes may read and write them at the same time.

    Args:
        folder: created if it is missing. Raises `OSError` if that fails.
    """

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.folder, self.kind = folder, kind
        self._thread_lock, self._file_lock = threading.RLock(), FileLock(folder / ".lock", thread_local=False)
        self._row_numbers: dict[bytes, int] = {}
        self._seconds: list[float] = []
        self._checksums: list[int] = []
        self._verified: set[int] = set()
        folder.mkdir(parents=True, exist_ok=True)
        with self._file_lock:
            _prepare_folder(folder, kind)
            for name in ("rows.bin", "records.bin"):
                (folder / name).touch()
        self._rows: FileIO = (folder / "rows.bin").open("rb", buffering=0)
        self._records: FileIO = (folder / "records.bin").open("rb", buffering=0)
        os.utime(folder / "about.json")  # its modification time is the time of last use
        self._read_new_records()

    def close(self) -> None:
        self._rows.close()
        self._records.close()

    def count_stored(self, images: Sequence[str]) -> int:
        """Count the images (SHA-256 as hexadecimal) that have a row."""
        with self._thread_lock:
            return sum(bytes.fromhex(image) in self._row_numbers for image in images)

    def read(self, images: Sequence[str]) -> tuple[np.ndarray, np.ndarray, float]:
        """Return (rows, found, seconds).

        `found` is True for each image that has a row; the other rows are zero. `seconds` is the total time that
        computing the found rows took.
        """
        rows = np.zeros((len(images), *self.kind.shape), self.kind.dtype)
        found, seconds = np.zeros(len(images), bool), 0.0
        with self._thread_lock:
            keys = [bytes.fromhex(image) for image in images]
            if any(key not in self._row_numbers for key in keys):
                self._read_new_records()
            for number, key in enumerate(keys):
                row_number = self._row_numbers.get(key)
                if row_number is not None and self._read_row(row_number, rows[number]):
                    found[number], seconds = True, seconds + self._seconds[row_number]
                elif row_number is not None:
                    del self._row_numbers[key]  # damaged: it will be computed again and appended
        return rows, found, seconds

    def append(self, images: Sequence[str], rows: np.ndarray, seconds: float) -> None:
        """Append the rows of images that have none yet; computing all of them took `seconds`. Raises `OSError`."""
        with self._thread_lock, self._file_lock:
            self._read_new_records()
            row_of = {bytes.fromhex(image): row for image, row in zip(images, rows, strict=True)}
            new = {
                key: np.ascontiguousarray(row, self.kind.dtype).tobytes()
                for key, row in row_of.items()
                if key not in self._row_numbers
            }
            records = np.array([(key, crc32(row), seconds / len(images)) for key, row in new.items()], _RECORD)
            self._append("rows.bin", self.kind.row_bytes, b"".join(new.values()))
            self._append("records.bin", _RECORD.itemsize, records.tobytes())
            self._read_new_records()

    def _append(self, name: str, width: int, content: bytes) -> None:
        """Write after the last row that has a record, over any bytes that a killed process left there."""
        with (self.folder / name).open("r+b", buffering=0) as file:
            file.seek(len(self._checksums) * width)
            written = 0
            while written < len(content):
                written += file.write(content[written:])

    def _read_new_records(self) -> None:
        self._records.seek(len(self._checksums) * _RECORD.itemsize)
        content = self._records.read()
        complete = len(content) // _RECORD.itemsize * _RECORD.itemsize  # the last record may be half written
        for record in np.frombuffer(content[:complete], _RECORD):
            self._row_numbers[record["image"].tobytes()] = len(self._checksums)
            self._checksums.append(int(record["checksum"]))
            self._seconds.append(float(record["seconds"]))

    def _read_row(self, row_number: int, into: np.ndarray) -> bool:
        """Read one row; return False if it is damaged. The checksum is verified at the first reading only."""
        self._rows.seek(row_number * self.kind.row_bytes)
        buffer = into.reshape(-1).view(np.uint8).data
        if self._rows.readinto(buffer) != len(buffer):
            return False
        if row_number not in self._verified:
            if crc32(buffer) != self._checksums[row_number]:
                return False
            self._verified.add(row_number)
        return True


def _prepare_folder(folder: Path, kind: Kind) -> None:
    """Prepare the folder for rows of this kind; delete rows of another kind or with a damaged `about.json`."""
    about, expected = folder / "about.json", kind.to_json()
    try:
        if read_json(about) == json.loads(json.dumps(expected)):
            return
    except (OSError, ValueError):
        pass  # missing or damaged: start with an empty store
    for name in ("records.bin", "rows.bin"):
        (folder / name).unlink(missing_ok=True)
    write_atomically(about, json.dumps(expected))
