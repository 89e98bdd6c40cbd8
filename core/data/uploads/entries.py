"""Selects the entries of an upload to store and their paths; all are checked before the first byte is written."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import PurePosixPath
from typing import IO

from core.data.datasets.dataset import Problem
from core.data.uploads.entry_names import PathParts, reserve_path, split_name, with_slashes
from core.data.uploads.limits import (
    UnusableFile,
    UploadError,
    UploadLimits,
    joined,
    short_name,
    size_error,
    upload_error,
)
from core.machine.litter import contains_litter

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


@dataclass(frozen=True)
class UploadPlan:
    """The path and entry of every file to store, and the files that are left out because they cannot be used."""

    files: list[tuple[PathParts, Entry]]
    left_out: list[Problem]


def plan_entries(entries: Iterable[Entry], limits: UploadLimits) -> UploadPlan:
    """Check all entries: which to store, and which to leave out.

    Raises UploadError if entries are refused, because the upload is damaged or hostile; it names several of them.
    """
    plan, refused = UploadPlan([], []), list[UploadError]()
    reserved: dict[PathParts, tuple[PathParts, bool]] = {}
    for number, entry in enumerate(islice(entries, limits.entries + 1), start=1):
        if number > limits.entries:
            raise upload_error(f"at most {limits.entries:,} entries", "more", "split the data set")
        try:
            if parts := _check_entry(entry, limits):
                reserve_path(parts, entry.name, reserved)
                plan.files.append((parts, entry))
        except UnusableFile as error:
            plan.left_out.append(Problem(short_name(entry.name), str(error), "left out"))
        except UploadError as error:
            refused.append(error)
    if refused:
        raise joined(refused)
    _check_total(plan, limits)
    return UploadPlan(_without_wrapper(plan.files), plan.left_out)


def _check_entry(entry: Entry, limits: UploadLimits) -> PathParts:
    """Return the path of an entry, () if it is litter or a folder. Raises UnusableFile and UploadError."""
    name = with_slashes(entry.name)
    try:
        parts = split_name(entry.name, limits)
    except UnusableFile:
        if contains_litter(name.split("/")):  # macOS writes "Icon" with a carriage return
            return ()
        raise
    if name.endswith("/") or not parts or contains_litter(parts):
        return ()
    _check_file(parts, entry, limits)
    return parts


def _check_file(parts: PathParts, entry: Entry, limits: UploadLimits) -> None:
    """Raise UnusableFile for an archive or a model, and UploadError for a file whose given size is too large."""
    suffix = PurePosixPath(parts[-1].lower()).suffix
    if suffix in _ARCHIVE_SUFFIXES:
        raise UnusableFile("an archive inside the upload: unpack it before you zip")
    if suffix in MODEL_SUFFIXES:
        raise UnusableFile("a model file, not an image")
    if entry.size is not None and entry.size > limits.file_bytes:
        raise size_error(entry.name, limits)


def _check_total(plan: UploadPlan, limits: UploadLimits) -> None:
    """Raise UploadError if the upload has no file or if the given sizes add up to too much."""
    total = sum(entry.size or 0 for _, entry in plan.files)
    if not plan.files:
        unusable = [f"'{problem.location}': {problem.reason}" for problem in plan.left_out[:3]]
        received = f"none that can be used ({', '.join(unusable)})" if unusable else "no file at all"
        raise upload_error("a folder of images for each class", received, "choose the folder above the classes")
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
