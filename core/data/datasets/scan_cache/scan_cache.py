"""The scan cache: what earlier scans found in a folder, on disk, so that only new and changed files are read.

There is one file for each folder of images. It counts only if it is complete, undamaged and of this version of the
reader; otherwise every file is read, and the file is written again. If it cannot be written, scans take longer.
"""

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from types import TracebackType
from typing import Any

from core.data.datasets.images.decode import Levels
from core.data.datasets.near_duplicates import NearDuplicates
from core.data.datasets.scan_cache.file_content import FileContent, ImageContent, Refusal
from core.data.datasets.scan_cache.file_stamp import FileStamp
from core.data.datasets.scan_cache.reader_version import READER_VERSION
from core.machine.files import write_atomically
from core.machine.paths import scan_cache_folder

MAX_BYTES = 256 * 2**20
"""Size of the whole cache, about 280,000 images. The folders that were scanned longest ago are dropped."""

_FORM = 1  # of the file
_Known = dict[str, tuple[FileStamp, FileContent]]


class ScanCache:
    """What is known of the files of one folder; a context manager that stores it at the end of a scan.

    A scan that is interrupted stores what it has read so far. Of two scans at once the later one's file remains: both
    are correct. Files and classes that a complete scan has not asked for are forgotten.

    Args:
        root: the folder that the names of files are relative to.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        digest = hashlib.sha256(os.fsencode(self._root)).hexdigest()
        self._path = scan_cache_folder() / f"{digest[:32]}.json"
        self._earlier, self._earlier_near = self._load()
        self._files: _Known = {}
        self._near: dict[str, NearDuplicates] = {}

    def find(self, name: str, path: Path) -> FileContent | None:
        """Return the content of a file if it is unchanged since it was read; None if it has to be read."""
        stamp, content = self._earlier.get(name, (None, None))
        if content is None or stamp != _stamp(path):
            return None
        self._files[name] = self._earlier[name]
        return content

    def add(self, name: str, stamp: FileStamp, content: FileContent) -> None:
        """Remember the content of a file that was just read."""
        self._files[name] = stamp, content

    def find_near_duplicates(self, hashes: Iterable[str]) -> NearDuplicates | None:
        """Return the near-duplicates among images with these contents, None if they are not known."""
        key = _key(hashes)
        if found := self._earlier_near.get(key):
            self._near[key] = found
        return found

    def add_near_duplicates(self, hashes: Iterable[str], found: NearDuplicates) -> None:
        """Remember the near-duplicates among images with these contents."""
        self._near[_key(hashes)] = found

    def __enter__(self) -> "ScanCache":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind:
            self._files, self._near = self._earlier | self._files, self._earlier_near | self._near
        with suppress(OSError):  # a read-only or full disk: the files are read again next time
            if (self._files, self._near) == (self._earlier, self._earlier_near):
                os.utime(self._path)  # the time of its last use
            else:
                self._store()

    def _load(self) -> tuple[_Known, dict[str, NearDuplicates]]:
        """Read the file; nothing is known if it is missing, damaged, or of another folder or version."""
        try:
            checksum, _, text = self._path.read_bytes().partition(b"\n")
            if hashlib.sha256(text).hexdigest().encode() != checksum:
                return {}, {}
            content = json.loads(text)
            if content["about"] != self._about():
                return {}, {}
            return (
                {name: (FileStamp(*stamp), _content(row)) for name, stamp, row in content["files"]},
                {key: _near_duplicates(*found) for key, found in content["near_duplicates"].items()},
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}, {}

    def _store(self) -> None:
        content = {
            "about": self._about(),
            "files": [(name, stamp, _row(content)) for name, (stamp, content) in self._files.items()],
            "near_duplicates": {key: astuple(found) for key, found in self._near.items()},
        }
        text = json.dumps(content).encode()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path, hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
        _drop_oldest(self._path.parent)

    def _about(self) -> dict[str, Any]:
        """What a file has to say to be used."""
        return {"form": _FORM, "folder": os.fsencode(self._root).hex(), "reader": READER_VERSION}


def _stamp(path: Path) -> FileStamp | None:
    try:
        return FileStamp.of(path.stat())
    except OSError:
        return None


def _key(hashes: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(sorted(hashes)).encode()).hexdigest()


def _row(content: FileContent) -> list[Any]:
    if isinstance(content, Refusal):
        return [content.reason]
    return [content.hash, content.width, content.height, content.levels, b64encode(content.grey).decode()]


def _content(row: list[Any]) -> FileContent:
    if len(row) == 1:
        return Refusal(*row)
    digest, width, height, levels, grey = row
    return ImageContent(digest, width, height, levels and Levels(*levels), b64decode(grey))


def _near_duplicates(groups: dict[str, str], other_pairs: list[list[str]]) -> NearDuplicates:
    return NearDuplicates(groups, tuple((first, second) for first, second in other_pairs))


def _drop_oldest(folder: Path) -> None:
    """Delete the files that were not used for longest, also what killed processes left, until the rest fits."""
    found = [(info.st_mtime, info.st_size, path) for path in folder.iterdir() for info in [path.stat()]]
    total = 0
    for _, size, path in sorted(found, reverse=True):
        total += size
        if total > MAX_BYTES:
            path.unlink(missing_ok=True)
