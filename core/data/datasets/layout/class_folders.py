"""Decide which folders of a data set are its classes and which are a predefined split, or ask."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.data.datasets.dataset import DataError
from core.data.datasets.layout.folder_tree import Folder
from core.data.datasets.layout.split_names import is_filler, split_groups, split_name
from core.experiment.run_config import LAYOUTS

LAYOUT_TITLES = {
    "split": "Split folders: train, validation and test contain the classes",
    "classes": "Each outer folder is a class, with everything in it",
    "nested": "Each innermost folder is a class",
}
"""What each layout but "auto" means, in one line."""

_NAMES_SHOWN = 4


class LayoutQuestion(DataError):
    """The folders can be read in several ways; `choices` are the layouts to choose from."""

    def __init__(self, folder: Path, reason: str, choices: dict[str, str]) -> None:
        super().__init__(
            f"Expected folders that can be read in one way; received {folder}: {reason}. "
            f"Choose how to read it (--layout in a terminal): {'; '.join(f'{k} = {v}' for k, v in choices.items())}."
        )
        self.choices = tuple(choices)


class ClassFolder(NamedTuple):
    """A folder of images of one class. `split` is "" if the data set has no predefined split."""

    folder: Folder
    label: str
    split: str


@dataclass(frozen=True)
class FolderLayout:
    """How a data set folder is read. Paths of images are relative to `root`."""

    root: Folder
    class_folders: tuple[ClassFolder, ...]

    @property
    def labels(self) -> set[str]:
        return {found.label for found in self.class_folders}


def read_layout(root: Folder, layout: str = "auto") -> FolderLayout:
    """Find the class folders in `root`, as `layout` (one of `LAYOUTS`) says.

    Raises `LayoutQuestion` if the layout is "auto" and there are several ways to read the folders, and `DataError` if
    they cannot be read as `layout` says.
    """
    if layout not in LAYOUTS:
        raise DataError(f"Expected a layout of {', '.join(LAYOUTS)}; received {layout!r}.")
    return FolderLayout(root, tuple(_READERS[layout](root)))


def _auto(root: Folder) -> list[ClassFolder]:
    """The classes in the split folders if there are any, otherwise the folders in `root`. Raises `LayoutQuestion`."""
    groups = split_groups(folder.name for folder in root.folders)
    splits = _split_folders(root)
    if groups and not splits:
        named = _listed(name for group in groups for name in group)
        raise _question(root, f"the names {named} look like a split, but there is no single one with class folders")
    classes = [found for folder, split in splits for found in _classes_in(folder, split)] or _outer(root)
    for split in {found.split for found in classes}:
        if reason := _doubt([found.folder for found in classes if found.split == split]):
            raise _question(root, reason)
    return classes if splits else _without_flat_test(classes)


def _split(root: Folder) -> list[ClassFolder]:
    """Classes in split folders, or split folders in every class (`cat/train`). Raises `DataError`."""
    classes = [found for folder, split in _split_folders(root) for found in _classes_in(folder, split)]
    classes = classes or _splits_in_classes(root)
    if not classes:
        raise DataError(
            "Expected folders named train, validation or test that contain class folders; received "
            f"{_listed(folder.name for folder in root.folders) or 'no folder'} in {root.path}. Rename them."
        )
    return classes


def _outer(root: Folder) -> list[ClassFolder]:
    return [ClassFolder(folder, folder.name, "") for folder in root.folders]


def _nested(root: Folder) -> list[ClassFolder]:
    """The innermost folders, of each split if there is one. Folders of the same name are one class."""
    splits = _split_folders(root)
    outer = [found for folder, split in splits for found in _classes_in(folder, split)] or _outer(root)
    return [ClassFolder(inner, inner.name, found.split) for found in outer for inner in found.folder.innermost()]


_READERS: dict[str, Callable[[Folder], list[ClassFolder]]] = {
    "auto": _auto,
    "split": _split,
    "classes": _outer,
    "nested": _nested,
}


def _split_folders(root: Folder) -> list[tuple[Folder, str]]:
    """(folder, split) of the split folders in `root`, or in the only folder of it that contains a split.

    In the second case a folder beside it may add a missing split: `dataset/train`, `dataset/val` and `test`.
    """
    if direct := _recognised(root):
        return direct
    inside = [found for folder in root.folders if (found := _recognised(folder))]
    if len(inside) != 1:
        return []
    present = {split for _, split in inside[0]}
    return inside[0] + [
        (folder, name.split)
        for folder in root.folders
        if (name := split_name(folder.name)) and not name.rest and name.split not in present
    ]


def _recognised(parent: Folder) -> list[tuple[Folder, str]]:
    """(folder, split) of the folders in `parent` if their names form one split and class folders are in train."""
    groups = split_groups(folder.name for folder in parent.folders)
    found = [(folder, groups[0][folder.name]) for folder in parent.folders if groups and folder.name in groups[0]]
    has_classes = any(split == "train" and folder.folders for folder, split in found)
    return found if len(groups) == 1 and has_classes else []


def _classes_in(split_folder: Folder, split: str) -> list[ClassFolder]:
    """The class folders of a split; a folder that only repeats the name is skipped (`seg_train/seg_train/forest`)."""
    while len(inner := split_folder.folders) == 1 and inner[0].folders and _repeats(inner[0].name, split):
        split_folder = inner[0]
    return [ClassFolder(folder, folder.name, split) for folder in split_folder.folders]


def _repeats(name: str, split: str) -> bool:
    found = split_name(name)
    return is_filler(name) or (found is not None and found.split == split)


def _splits_in_classes(root: Folder) -> list[ClassFolder]:
    """The split folders inside each class folder (`cat/train`, `cat/test`, `dog/train`, ...)."""
    groups = [(folder, split_groups(inner.name for inner in folder.folders)) for folder in root.folders]
    return [
        ClassFolder(inner, folder.name, group[0][inner.name])
        for folder, group in groups
        for inner in folder.folders
        if len(group) == 1 and inner.name in group[0]
    ]


def _without_flat_test(classes: list[ClassFolder]) -> list[ClassFolder]:
    """Leave out a folder of test or validation images without classes, beside at least two class folders."""
    flat = [found for found in classes if _is_flat_test(found.folder)]
    return [found for found in classes if found not in flat] if len(classes) - len(flat) >= 2 else classes


def _is_flat_test(folder: Folder) -> bool:
    name = split_name(folder.name)
    return bool(name and name.split != "train" and not name.rest and not folder.folders)


def _doubt(folders: Sequence[Folder]) -> str:
    """Why the folders may not be the classes; "" if there is no other sensible way to read them."""
    inner = {folder: _inner_names(folder) for folder in folders if folder.has_images}
    nested = {name for folder, names in inner.items() for name in names or {folder.name}}
    if len(nested) < 2 or nested == {folder.name for folder in inner}:
        return ""
    shared = set.intersection(*inner.values())
    if len(inner) > 1 and len(shared) > 1:
        return f"{_listed(folder.name for folder in inner)} contain folders of the same names ({_listed(shared)})"
    without = [folder.name for folder, names in inner.items() if names and not any(folder.images)]
    return f"there are folders instead of images in {_listed(without)}" if without else ""


def _inner_names(folder: Folder) -> set[str]:
    """Names of the sub-folders with images, except names such as `images`."""
    return {inner.name for inner in folder.folders if not is_filler(inner.name) and inner.has_images}


def _question(root: Folder, reason: str) -> LayoutQuestion:
    """Name the readings that are possible, each with its classes."""
    choices = {}
    for layout, title in LAYOUT_TITLES.items():
        try:
            labels = read_layout(root, layout).labels
        except DataError:
            continue
        choices[layout] = f"{title[0].lower()}{title[1:]} ({_listed(labels)})"
    return LayoutQuestion(root.path, reason, choices)


def _listed(names: Iterator[str] | set[str] | Sequence[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMES_SHOWN:,} more" if len(ordered) > _NAMES_SHOWN else ""
    return ", ".join(map(_printable, ordered[:_NAMES_SHOWN])) + more


def _printable(name: str) -> str:
    """The name with control characters escaped: a carriage return would overwrite the line in a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
