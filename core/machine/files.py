"""Atomic writes, hashes, JSON, file locks and detection of a full disk."""

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

ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""Exceptions that reading a truncated, altered or malicious ZIP file may raise."""

_DISK_FULL_CODES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_draft(path: Path, draft_name: str = "") -> Iterator[Path]:
    """Yield a draft path, with the same suffix, that replaces `path` if the block succeeds and is deleted if it fails.

    Readers see the old content or the new, never a part. The next writer overwrites a draft left by a killed one.
    """
    draft = path.with_name(draft_name or f".draft-{path.name}")
    try:
        yield draft
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: str | bytes, durable: bool = False) -> None:
    """Replace the content of `path` atomically: readers see the old content or the new, never a part.

    `durable` also waits until the content is on the disk. Raises `OSError`; the old content is then unchanged.
    """
    draft_name = f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp"  # several threads may write at once
    with atomic_draft(path, draft_name) as draft, draft.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """The SHA-256 of a file as hexadecimal digits, cached until the file changes. Raises `OSError`."""
    info = path.stat()
    return _sha256(path, info.st_mtime_ns, info.st_size)


@lru_cache(256)
def _sha256(path: Path, *stamp: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises `OSError`, and `ValueError` if its content is not valid JSON."""
    try:
        return json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def is_locked(lock: FileLock) -> bool:
    """Whether this process or another holds the lock now."""
    try:
        with lock.acquire(blocking=False):
            return False
    except Timeout:
        return True


def is_disk_full(error: BaseException) -> bool:
    """Whether `error` was raised because the disk, the quota or the file size limit is exhausted."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL_CODES
