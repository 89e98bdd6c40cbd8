"""Decide which folders of a data set are classes and which are a predefined split, or ask if that is unclear."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.datasets.dataset import DataError
from core.data.datasets.layout.folder_tree import Folder
from core.data.datasets.layout.shown_names import list_names
from core.data.datasets.layout.split_folders import ClassFolder, class_folders_by_split, split_folders_by_class
from core.data.datasets.layout.split_names import is_filler, split_groups, split_name
from core.experiment.run_config import LAYOUTS

LAYOUT_TITLES = {
    "split": "The folders train, validation and test contain the classes",
    "classes": "Each outer folder is one class, including its subfolders",
    "nested": "Each innermost folder is one class",
}
"""Explanation of each layout except "auto", in one line."""


class LayoutQuestion(DataError):
    """The folders can be read in several ways, and the user has to choose.

    `reason` says why; `choices` has a sentence for each possible layout, with the classes it would give.
    """

    def __init__(self, folder: Path, reason: str, choices: dict[str, str]) -> None:
        listed = "; ".join(f"{layout} = {text[0].lower()}{text[1:]}" for layout, text in choices.items())
        super().__init__(
            f"Expected folders that can be read in only one way; received {folder}, where {reason}. "
            f"Choose how to read it (--layout in a terminal): {listed}."
        )
        self.reason, self.choices = reason, choices


@dataclass(frozen=True)
class FolderLayout:
    """The class folders of a data set. Paths of images are relative to `root`."""

    root: Folder
    class_folders: tuple[ClassFolder, ...]

    @property
    def labels(self) -> set[str]:
        return {found.label for found in self.class_folders}


def read_layout(root: Folder, layout: str = "auto") -> FolderLayout:
    """Find the class folders in `root`, read as `layout` (one of `LAYOUTS`).

    Raises `LayoutQuestion` if the layout is "auto" and the folders can be read in several ways, and `DataError` if they
    cannot be read as `layout`.
    """
    if layout not in LAYOUTS:
        raise DataError(f"Expected a layout of {', '.join(LAYOUTS)}; received {layout!r}.")
    return FolderLayout(root, tuple(_READERS[layout](root)))


def _auto(root: Folder) -> list[ClassFolder]:
    """The classes in the split folders if there are any, otherwise the folders in `root`. Raises `LayoutQuestion`."""
    in_splits = class_folders_by_split(root)
    splits = split_groups(folder.name for folder in root.folders)
    if splits and not in_splits:
        kind = "several splits" if len(splits) > 1 else "a split without class folders"
        raise _question(root, f"the folders {list_names(name for names in splits for name in names)} look like {kind}")
    classes = in_splits or _outer(root)
    for split in {found.split for found in classes}:
        if reason := _doubt([found.folder for found in classes if found.split == split]):
            raise _question(root, reason)
    return classes if in_splits else _without_flat_test(classes)


def _split(root: Folder) -> list[ClassFolder]:
    """The classes in split folders, or the split folders in every class (`cat/train`). Raises `DataError`."""
    classes = class_folders_by_split(root) or split_folders_by_class(root)
    if not classes:
        raise DataError(
            "Expected folders named train, validation or test that contain class folders; received "
            f"{list_names(folder.name for folder in root.folders) or 'no folder'} in {root.path}. Rename them."
        )
    return classes


def _outer(root: Folder) -> list[ClassFolder]:
    return [ClassFolder(folder, folder.name, "") for folder in root.folders]


def _nested(root: Folder) -> list[ClassFolder]:
    """The innermost folders, of each split if there is one. Folders of the same name are one class."""
    outer = class_folders_by_split(root) or _outer(root)
    return [ClassFolder(inner, inner.name, found.split) for found in outer for inner in found.folder.innermost()]


_READERS: dict[str, Callable[[Folder], list[ClassFolder]]] = {
    "auto": _auto,
    "split": _split,
    "classes": _outer,
    "nested": _nested,
}


def _without_flat_test(classes: list[ClassFolder]) -> list[ClassFolder]:
    """Leave out a flat folder beside at least two class folders.

    A folder is flat if it is for testing or validation and contains images without class folders.
    """
    flat = [found for found in classes if _is_flat_test(found.folder)]
    return [found for found in classes if found not in flat] if len(classes) - len(flat) >= 2 else classes


def _is_flat_test(folder: Folder) -> bool:
    name = split_name(folder.name)
    return bool(name and name.split != "train" and not name.rest and not folder.folders)


def _doubt(folders: Sequence[Folder]) -> str:
    """The reason why these folders may not be the classes; "" if there is no other sensible way to read them.

    `red/cat, red/dog, blue/cat, blue/dog`: cat and dog may be the classes instead of red and blue. `animals/cat,
    animals/dog, vehicles/car`: cat, dog and car may be.
    """
    inner = {folder: _inner_names(folder) for folder in folders if folder.has_images}
    innermost = {name for folder, names in inner.items() for name in names or {folder.name}}
    if len(innermost) < 2 or innermost == {folder.name for folder in inner}:
        return ""
    shared = set.intersection(*inner.values())
    if len(inner) > 1 and len(shared) > 1:
        outer = list_names(folder.name for folder in inner)
        return f"the folders {outer} contain folders of the same names ({list_names(shared)})"
    without = [folder.name for folder, names in inner.items() if names and not any(folder.images)]
    return f"there are folders instead of images in {list_names(without)}" if without else ""


def _inner_names(folder: Folder) -> set[str]:
    """Names of the sub-folders with images, except names such as `images`."""
    return {inner.name for inner in folder.folders if not is_filler(inner.name) and inner.has_images}


def _question(root: Folder, reason: str) -> LayoutQuestion:
    """A question that offers each possible layout together with the classes it would give."""
    choices = {}
    for layout, title in LAYOUT_TITLES.items():
        try:
            labels = read_layout(root, layout).labels
        except DataError:
            continue
        choices[layout] = f"{title} ({list_names(labels)})"
    return LayoutQuestion(root.path, reason, choices)
