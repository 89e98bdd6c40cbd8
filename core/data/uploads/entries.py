"""Selects the entries of an upload to store and their paths; all are checked before the first byte is written."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import PurePosixPath
from typing import IO

from core.data.uploads.entry_names import PathParts, is_skipped, reserve_path, split_name
from core.data.uploads.limits import UploadLimits, quoted, size_error, upload_error

MODEL_SUFFIXES = frozenset({".keras", ".h5", ".hdf5"})
_IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif"}
)
_ARCHIVE_SUFFIXES = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})


@dataclass(frozen=True)
class Entry:
    """One file of an upload, not yet stored; `size` is the size given by its source, None if it gives none."""

    name: str
    size: int | None
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def plan_entries(entries: Iterable[Entry], limits: UploadLimits) -> list[tuple[PathParts, Entry]]:
    """Check all entries and return the path and entry of every file to store.

    Raises UploadError at the first entry that is refused.
    """
    plan: list[tuple[PathParts, Entry]] = []
    reserved: dict[PathParts, tuple[PathParts, bool]] = {}
    for number, entry in enumerate(islice(entries, limits.entries + 1), start=1):
        if number > limits.entries:
            raise upload_error(f"at most {limits.entries:,} entries", "more", "split the data set")
        parts = split_name(entry.name, limits)
        if not entry.name.endswith("/") and not is_skipped(parts):
            _check_file(parts, entry, limits)
            reserve_path(parts, entry.name, reserved)
            plan.append((parts, entry))
    _check_total(plan, limits)
    return _without_wrapper(plan)


def _check_file(parts: PathParts, entry: Entry, limits: UploadLimits) -> None:
    """Raise UploadError for an archive or a model inside the upload, and for a file whose given size is too large."""
    suffix = PurePosixPath(parts[-1].lower()).suffix
    if suffix in _ARCHIVE_SUFFIXES:
        raise upload_error("images", f"{quoted(entry.name)}, an archive inside the upload", "unpack it before you zip")
    if suffix in MODEL_SUFFIXES:
        raise upload_error("images", f"{quoted(entry.name)}, a model file", "leave it out")
    if entry.size is not None and entry.size > limits.file_bytes:
        raise size_error(entry.name, limits)


def _check_total(plan: Sequence[tuple[PathParts, Entry]], limits: UploadLimits) -> None:
    """Raise UploadError if the upload has no file or if the given sizes add up to too much."""
    total = sum(entry.size or 0 for _, entry in plan)
    if not plan:
        raise upload_error("a folder of images for each class", "no file at all", "choose the folder above the classes")
    if total > limits.total_bytes:
        raise upload_error(f"at most {limits.total_bytes:,} bytes in total", f"{total:,}", "split the data set")


def _without_wrapper(plan: list[tuple[PathParts, Entry]]) -> list[tuple[PathParts, Entry]]:
    """Remove the folders that enclose all classes from the paths (`data/glass/1.jpg` becomes `glass/1.jpg`).

    A shared folder that contains images directly is the only class and is not removed.
    """
    levels = zip(*(parts[:-1] for parts, _ in plan), strict=False)
    shared = tuple(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))
    is_class = any(
        parts[:-1] == shared and PurePosixPath(parts[-1].lower()).suffix in _IMAGE_SUFFIXES for parts, _ in plan
    )
    depth = max(0, len(shared) - is_class)
    return [(parts[depth:], entry) for parts, entry in plan]
