"""Writing a file whole or not at all, reading JSON, and telling a full disk from other trouble."""

import errno
import hashlib
import json
import os
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What reading a ZIP file may raise that is cut short, altered or malicious."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def whole(path: Path, draft_name: str = "") -> Iterator[Path]:
    """Where to write a draft of `path`, with the same ending; it takes its place at the end of a block that succeeds.

    A reader sees the old content or the new, never a part. What a killed writer left is written over by the next.
    """
    draft = path.with_name(draft_name or f".draft-{path.name}")
    try:
        yield draft
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: str | bytes, durable: bool = False) -> None:
    """Replace `path` atomically: a reader sees the old content or the new, never a part.

    `durable` also waits until the disk has it. Raises `OSError`; the old content then still stands.
    """
    own_name = f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp"  # several may write at once
    with whole(path, own_name) as draft, draft.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """The SHA-256 of a file as hexadecimal digits; read again only where it has changed since. Raises `OSError`."""
    found = path.stat()
    return _sha256(path, found.st_mtime_ns, found.st_size)


@lru_cache(256)
def _sha256(path: Path, *stamp: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises `OSError`, and `ValueError` for whatever else is in it."""
    try:
        return json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def is_held(lock: FileLock) -> bool:
    """Whether somebody, in this process or another, holds the lock now."""
    try:
        with lock.acquire(blocking=False):
            return False
    except Timeout:
        return True


def is_disk_full(error: BaseException) -> bool:
    """Whether `error` says that no more can be written: disk, quota or file size limit."""
    return isinstance(error, OSError) and error.errno in _FULL
