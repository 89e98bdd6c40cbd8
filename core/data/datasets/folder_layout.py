"""Find the class folders, predefined splits and image files of a data set folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.data.datasets.dataset import DataError, Problem
from core.data.datasets.decode import UnreadableImage, open_image
from core.data.sample_set.generate import sample_folder
from core.experiment.run_config import SAMPLE

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""Recognised folder names of predefined splits, in lower case."""

_IGNORED = {"__MACOSX", "Thumbs.db", "desktop.ini"}


class ListedFile(NamedTuple):
    """A file in a class folder. `split` is "" if the data set has no predefined splits."""

    path: Path
    label: str
    split: str


def data_folder(data: str) -> Path:
    """Return the folder of a run's `data`; generate the sample set if it is missing. Raises `DataError`."""
    folder = sample_folder() if data == SAMPLE else Path(os.path.expanduser(data))  # noqa: PTH111 - never raises
    if not os.path.isdir(folder):  # noqa: PTH112 - never raises either, whatever the name
        raise DataError(f"Expected a folder of class folders; received {data}, which is no folder. Check the path.")
    return folder


def find_root(folder: Path) -> Path:
    """Return the folder that contains the class folders, skipping folders that only wrap it, as in many ZIPs."""
    children = [path for path in _entries(folder) if path.is_dir()]
    if len(children) == 1 and any(path.is_dir() for path in _entries(children[0])):
        return find_root(children[0])
    return folder


def class_folders(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield (class folder, split); split is "" if the data set has no predefined splits."""
    folders = [path for path in _entries(root) if path.is_dir()]
    splits = {path: SPLIT_NAMES[path.name.lower()] for path in folders if path.name.lower() in SPLIT_NAMES}
    if "train" not in splits.values() or len(splits) < 2:
        yield from ((path, "") for path in folders)
        return
    for split_folder, split in splits.items():
        yield from ((path, split) for path in _entries(split_folder) if path.is_dir())


def list_files(root: Path) -> tuple[list[ListedFile], list[Problem]]:
    """List all files in class folders, and report images and folders outside every class folder."""
    folders = list(class_folders(root))
    listed = [ListedFile(path, folder.name, split) for folder, split in folders for path in _files_below(folder)]
    used = {root} | {path for folder, _ in folders for path in (folder, folder.parent)}
    loose_images = [
        Problem(path_text(path.relative_to(root)), "in no class folder", "left out")
        for parent in sorted({root} | {folder.parent for folder, _ in folders})
        for path in _entries(parent)
        if path.is_file() and _is_image(path)
    ]
    unused_folders = [
        Problem(path_text(path.relative_to(root)), "next to the split folders", "left out")
        for path in _entries(root)
        if path.is_dir() and path not in used
    ]
    return listed, loose_images + unused_folders


def path_text(path: Path) -> str:
    """A relative path as text; bytes that are not valid text (from an old archive) become question marks."""
    return path.as_posix().encode(errors="replace").decode()


def folder_stamp(folder: Path) -> tuple[tuple[str, int], ...]:
    """Modification times of the folder and of the folders up to two levels below.

    They change when a file or folder is added or removed there. Cheap enough for every rerun of a page.
    """
    first_level = _folders_in(str(folder))
    second_level = [path for parent in first_level for path in _folders_in(parent)]
    folders = (str(folder), *first_level, *second_level)
    return tuple((path, os.stat(path).st_mtime_ns) for path in folders)  # noqa: PTH116


def _entries(folder: Path) -> list[Path]:
    """Visible files and folders, by name."""
    visible = (p for p in folder.iterdir() if not p.name.startswith(".") and p.name not in _IGNORED)
    return sorted(visible, key=lambda path: path.name)


def _files_below(folder: Path) -> Iterator[Path]:
    for path in _entries(folder):
        if path.is_dir() and not path.is_symlink():
            yield from _files_below(path)
        elif path.is_file():
            yield path


def _is_image(path: Path) -> bool:
    try:
        with open_image(path):
            return True
    except UnreadableImage:
        return False


def _folders_in(folder: str) -> list[str]:
    """Visible folders, by path. `scandir` is ten times faster than `_entries`, which creates a `Path` per file."""
    with os.scandir(folder) as entries:
        return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))
