"""Stamp of a data set's folder: it changes when a file or folder is added or removed, without reading any file."""

import os
import time
from collections import deque
from functools import lru_cache
from pathlib import Path

from core.data.datasets.layout.folder_tree import is_runs_folder
from core.machine.litter import is_litter

FolderStamp = tuple[tuple[str, int], ...]

_MAX_FOLDERS = 10_000
_LINKED_LEVELS = 3  # `photos/train/cat`: class folders may be links, and a loop of links ends here
_SETTLED = 2.0  # seconds: the coarsest precision of modification times


def folder_stamp(folder: Path) -> FolderStamp:
    """Modification times of the folder and of all folders below, level by level, up to 10,000.

    Only a changed folder is listed again, so that each rerun of a page can compute the stamp. Raises `OSError`.
    """
    remaining, stamp = deque([(str(folder), 0)]), list[tuple[str, int]]()
    while remaining and len(stamp) < _MAX_FOLDERS:
        path, level = remaining.popleft()
        changed = os.stat(path).st_mtime_ns  # noqa: PTH116 - faster than a `Path` per folder
        stamp.append((path, changed))
        for inner, is_link in _folders_in(path, changed):
            if (level < _LINKED_LEVELS or not is_link) and not is_runs_folder(Path(inner)):
                remaining.append((inner, level + 1))
    return tuple(stamp)


def _folders_in(folder: str, changed: int) -> tuple[tuple[str, bool], ...]:
    """The folders in a folder that changed at this time, in ns. Two changes in quick succession may have one time."""
    is_settled = time.time() - changed / 1e9 > _SETTLED
    return _cached_folders_in(folder, changed) if is_settled else _list_folders(folder)


@lru_cache(2 * _MAX_FOLDERS)
def _cached_folders_in(folder: str, _changed: int) -> tuple[tuple[str, bool], ...]:
    return _list_folders(folder)


def _list_folders(folder: str) -> tuple[tuple[str, bool], ...]:
    """(path, whether it is a link) of the folders that may contain images. Reads names alone, not files."""
    with os.scandir(folder) as entries:
        return tuple(
            sorted(
                (entry.path, entry.is_symlink()) for entry in entries if not is_litter(entry.name) and entry.is_dir()
            )
        )
