"""Find the folders of a predefined split, such as train, val and test, and the class folders in them."""

from typing import NamedTuple

from core.data.datasets.layout.folder_tree import Folder
from core.data.datasets.layout.split_names import is_filler, split_groups, split_name


class ClassFolder(NamedTuple):
    """A folder with the images of one class. `split` is "" if the data set has no predefined split."""

    folder: Folder
    label: str
    split: str


def class_folders_by_split(root: Folder) -> list[ClassFolder]:
    """The class folders in the split folders of a data set; none if it has no split folders."""
    return [
        ClassFolder(class_folder, class_folder.name, split)
        for folder, split in _split_folders(root)
        for class_folder in _without_repeated_name(folder, split).folders
    ]


def split_folders_by_class(root: Folder) -> list[ClassFolder]:
    """The split folders in each class folder: `cat/train`, `cat/test`, `dog/train`, ..."""
    splits_in = [(folder, split_groups(inner.name for inner in folder.folders)) for folder in root.folders]
    return [
        ClassFolder(inner, folder.name, splits[0][inner.name])
        for folder, splits in splits_in
        for inner in folder.folders
        if len(splits) == 1 and inner.name in splits[0]
    ]


def _split_folders(root: Folder) -> list[tuple[Folder, str]]:
    """(folder, split) of the split folders in `root`, or in its only sub-folder that contains a split.

    In the second case a folder beside it may supply a missing part: `dataset/train`, `dataset/val` and `test`.
    """
    if direct := _one_split(root):
        return direct
    inside = [found for folder in root.folders if (found := _one_split(folder))]
    if len(inside) != 1:
        return []
    present = {split for _, split in inside[0]}
    return inside[0] + [
        (folder, name.split)
        for folder in root.folders
        if (name := split_name(folder.name)) and not name.rest and name.split not in present
    ]


def _one_split(parent: Folder) -> list[tuple[Folder, str]]:
    """(folder, split) of the folders in `parent` if their names form exactly one split and train has class folders."""
    splits = split_groups(folder.name for folder in parent.folders)
    if len(splits) != 1:
        return []
    found = [(folder, splits[0][folder.name]) for folder in parent.folders if folder.name in splits[0]]
    return found if any(split == "train" and folder.folders for folder, split in found) else []


def _without_repeated_name(folder: Folder, split: str) -> Folder:
    """The folder that contains the class folders of a split: `seg_train/seg_train` of `seg_train/seg_train/forest`."""
    while len(inner := folder.folders) == 1 and inner[0].folders and _repeats(inner[0].name, split):
        folder = inner[0]
    return folder


def _repeats(name: str, split: str) -> bool:
    """Whether a name adds nothing to that of the split folder around it, such as `images` or a second `train`."""
    found = split_name(name)
    return is_filler(name) or (found is not None and found.split == split)
