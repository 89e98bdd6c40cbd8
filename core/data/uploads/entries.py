"""Which entries of an upload are taken, and under which path: all are judged before the first byte is written."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import PurePosixPath
from typing import IO

from core.data.uploads.entry_names import Parts, claim, is_litter, parts_of
from core.data.uploads.limits import UploadLimits, refusal, shown, too_large

MODELS = frozenset({".keras", ".h5", ".hdf5"})
_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif"})
_ARCHIVES = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})


@dataclass(frozen=True)
class Entry:
    """One file on its way in; `size` is what its source claims, None where it claims nothing."""

    name: str
    size: int | None
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def plan_entries(entries: Iterable[Entry], limits: UploadLimits) -> list[tuple[Parts, Entry]]:
    """Every file to store with its path, all of them judged; raises UploadError at the first that is refused."""
    plan: list[tuple[Parts, Entry]] = []
    taken: dict[Parts, tuple[Parts, bool]] = {}
    for number, entry in enumerate(islice(entries, limits.entries + 1), start=1):
        if number > limits.entries:
            raise refusal(f"at most {limits.entries:,} entries", "more", "split the data set")
        parts = parts_of(entry.name, limits)
        if not entry.name.endswith("/") and not is_litter(parts):
            _check_file(parts, entry, limits)
            claim(parts, entry.name, taken)
            plan.append((parts, entry))
    _check_total(plan, limits)
    return _unwrapped(plan)


def _check_file(parts: Parts, entry: Entry, limits: UploadLimits) -> None:
    """Raise UploadError for an archive or model inside the upload, and for a file that says it is too large."""
    suffix = PurePosixPath(parts[-1].lower()).suffix
    if suffix in _ARCHIVES:
        raise refusal("images", f"{shown(entry.name)}, an archive inside the upload", "unpack it before you zip")
    if suffix in MODELS:
        raise refusal("images", f"{shown(entry.name)}, a model file", "leave it out")
    if entry.size is not None and entry.size > limits.file_bytes:
        raise too_large(entry.name, limits)


def _check_total(plan: Sequence[tuple[Parts, Entry]], limits: UploadLimits) -> None:
    """Raise UploadError for an upload without a file, and for one that says it is too large."""
    total = sum(entry.size or 0 for _, entry in plan)
    if not plan:
        raise refusal("a folder of images for each class", "no file at all", "choose the folder above the classes")
    if total > limits.total_bytes:
        raise refusal(f"at most {limits.total_bytes:,} bytes in all", f"{total:,}", "split the data set")


def _unwrapped(plan: list[tuple[Parts, Entry]]) -> list[tuple[Parts, Entry]]:
    """The plan without the folders that wrap all classes (`data/glass/1.jpg` becomes `glass/1.jpg`).

    A shared folder that holds pictures itself is no wrapper but the only class, and stays.
    """
    levels = zip(*(parts[:-1] for parts, _ in plan), strict=False)
    shared = tuple(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))
    is_class = any(parts[:-1] == shared and PurePosixPath(parts[-1].lower()).suffix in _PICTURES for parts, _ in plan)
    depth = max(0, len(shared) - is_class)
    return [(parts[depth:], entry) for parts, entry in plan]
