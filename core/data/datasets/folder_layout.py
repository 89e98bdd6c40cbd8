"""Find the class folders, predefined splits and image files of a data set folder."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from core.data.datasets.dataset import DataError, Problem
from core.data.datasets.layout.class_folders import FolderLayout
from core.data.datasets.layout.folder_tree import Folder
from core.data.sample_set.generate import sample_folder
from core.experiment.run_config import SAMPLE

_LISTED_SINGLY = 3
_IMAGES_TRIED = 100


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
    return _wrappers(folder)[-1].path


def images_root(data: str, paths: Iterable[str]) -> Path:
    """Return the folder that the image paths of a run's manifest are relative to. Raises `DataError`.

    Folders may have been added or removed since the run was planned; so it is the folder, at or around `find_root`, in
    which one of the first images is.
    """
    folder = data_folder(data)
    root = find_root(folder)
    around = [parent for parent in root.parents if parent.is_relative_to(folder)]
    candidates = [root, *around, *(inner.path for inner in Folder(root).folders)]
    tried = islice(paths, _IMAGES_TRIED)
    return next((found for path in tried for found in candidates if os.path.exists(found / path)), root)  # noqa: PTH110


def list_files(layout: FolderLayout) -> list[ListedFile]:
    """List all files in class folders."""
    return [ListedFile(path, *found[1:]) for found in layout.class_folders for path in found.folder.files_below()]


def misplaced(folder: Path, layout: FolderLayout) -> list[Problem]:
    """Report images and folders outside every class folder, and folders of earlier runs."""
    root = layout.root.path
    found = {class_folder.folder.path for class_folder in layout.class_folders}
    around = {root} | {parent for path in found for parent in path.parents if parent.is_relative_to(root)}
    skipped = [
        Problem(path_text(runs.path.relative_to(wrapper.path)), "earlier runs", "skipped")
        for wrapper in _wrappers(folder)
        for runs in wrapper.runs_folders
    ]
    return [*_misplaced(layout.root, root, found, around), *skipped]


def _misplaced(folder: Folder, root: Path, found: set[Path], around: set[Path]) -> Iterator[Problem]:
    """Report what is directly in `folder`, and in its sub-folders that enclose class folders."""
    yield from _loose_images(folder, root)
    for inner in folder.folders:
        if inner.path in around - found:
            yield from _misplaced(inner, root, found, around)
        elif inner.path not in found and any(inner.images) and not inner.folders:
            yield from _loose_images(inner, root)
        elif inner.path not in found:
            yield Problem(path_text(inner.path.relative_to(root)), "outside the class folders", "left out")


def _loose_images(folder: Folder, root: Path) -> Iterator[Problem]:
    """Name up to three images; more are one line."""
    images = list(folder.images)
    if len(images) <= _LISTED_SINGLY:
        yield from (Problem(path_text(path.relative_to(root)), "in no class folder", "left out") for path in images)
    else:
        name = path_text(folder.path.relative_to(root) if folder.path != root else Path(root.name))
        yield Problem(name, f"{len(images):,} images in no class folder", "left out")


def path_text(path: Path) -> str:
    """A relative path as valid text."""
    return valid_text(path.as_posix())


def valid_text(name: str) -> str:
    """A name in which bytes that are not valid text (from an old archive) have become question marks."""
    return name.encode(errors="replace").decode()


def relative_names(files: Iterable[ListedFile], root: Path) -> list[str]:
    """The paths of files below `root` as text, with slashes; for thousands of files faster than `relative_to`."""
    prefix = os.path.join(root, "")  # noqa: PTH118 - ends with a slash
    return [str(file.path).removeprefix(prefix).replace(os.sep, "/") for file in files]


def _wrappers(folder: Path) -> list[Folder]:
    """The folder and those inside it that only wrap one other; the last contains the class folders."""
    found = [Folder(folder)]
    while len(inner := found[-1].folders) == 1 and inner[0].folders:
        found.append(inner[0])
    return found
