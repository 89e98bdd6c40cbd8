"""A folder of class folders: looked at before anything trains."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from core.data.datasets.decode import THREADS, Progress, UnreadableImage, decode, open_image
from core.data.datasets.near_duplicates import CLOSE_SIDE, close_look, find_near_duplicates, signature
from core.data.sample_set.generate import sample_folder
from core.experiment.run_config import SAMPLE

SPLITS = ("train", "validation", "test")
"""From the most lenient to the strictest: the last one judges."""

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
MIN_PER_CLASS = 3
"""One different picture each for training, validation and test."""

_CLUTTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
_CHECK_SIZE = 32


class DataError(ValueError):
    """The folder is no data set that can be trained on."""


@dataclass(frozen=True)
class ImageFile:
    """One readable file. `path` is relative to the data set; `split` is "" unless the folder has its own splits.

    `photo` is the same for files of a class that show one photo, equal or nearly: the hash of one of them.
    """

    path: str
    hash: str
    label: str
    width: int
    height: int
    split: str = ""
    photo: str = ""

    def __post_init__(self) -> None:
        if not self.photo:
            object.__setattr__(self, "photo", self.hash)


@dataclass(frozen=True)
class Problem:
    """Something in the folder that is not used as it is: the file or class, what is wrong, what happens."""

    where: str
    what: str
    consequence: str


@dataclass(frozen=True)
class Dataset:
    """The scan report. `pictures` are those that will be used; everything else is in `problems`."""

    root: Path
    pictures: tuple[ImageFile, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Pictures a class, by class name."""
        return dict(sorted(Counter(picture.label for picture in self.pictures).items()))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.counts)

    @property
    def imbalance(self) -> float:
        """How many times as many pictures the largest class has as the smallest; 1.0 where there are none."""
        return max(self.counts.values()) / min(self.counts.values()) if self.counts else 1.0

    @cached_property
    def duplicates(self) -> tuple[tuple[ImageFile, ...], ...]:
        """Groups of pictures with the same bytes, in one class each."""
        groups = defaultdict(list)
        for picture in self.pictures:
            groups[picture.hash].append(picture)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    @cached_property
    def near_duplicates(self) -> tuple[tuple[ImageFile, ...], ...]:
        """Groups of pictures that show one photo and are not all equal."""
        groups = defaultdict(list)
        for picture in self.pictures:
            groups[picture.photo].append(picture)
        return tuple(tuple(group) for group in groups.values() if len({picture.hash for picture in group}) > 1)

    @property
    def median_size(self) -> tuple[int, int]:
        """(width, height) in the middle of all pictures; (0, 0) where there are none."""
        if not self.pictures:
            return 0, 0
        middle = len(self.pictures) // 2
        return (sorted(p.width for p in self.pictures)[middle], sorted(p.height for p in self.pictures)[middle])

    @cached_property
    def photos(self) -> dict[str, str]:
        """What each picture shows, by hash."""
        return {picture.hash: picture.photo for picture in self.pictures}

    def check(self, leak_free: bool = True) -> None:
        """Raise `DataError` unless there are two classes or more, with enough different pictures each.

        Near-duplicates count once where the split is to be `leak_free`.
        """
        if len(self.classes) < 2:
            raise DataError(
                f"Expected at least 2 class folders with pictures in {self.root}; received "
                f"{len(self.classes)}. Put each class into a folder of its own."
            )
        different = Counter(label for label, _ in {(p.label, p.photo if leak_free else p.hash) for p in self.pictures})
        few = {name: count for name, count in different.items() if count < MIN_PER_CLASS}
        if few:
            received = ", ".join(f"{name}: {count}" for name, count in sorted(few.items()))
            raise DataError(
                f"Expected at least {MIN_PER_CLASS} different pictures in every class; received {received}."
                f"{' Near-duplicates count once.' if leak_free else ''} Add pictures or remove the folder."
            )


def data_folder(data: str) -> Path:
    """Where the pictures of a run's `data` are; the sample set is drawn if need be. Raises `DataError`."""
    folder = sample_folder() if data == SAMPLE else Path(os.path.expanduser(data))  # noqa: PTH111 - never raises
    if not os.path.isdir(folder):  # noqa: PTH112 - nor does this one, whatever the name
        raise DataError(f"Expected a folder of class folders; received {data}, which is no folder. Check the path.")
    return folder


def scan(folder: Path, progress: Progress | None = None) -> Dataset:
    """Read every file below `folder` once and report. `progress` gets (done, all).

    A class is a folder directly below `folder`, or below its train/, val(idation)/ and test/ folders; a single
    wrapping folder is looked through. Folders inside a class belong to it.
    """
    root = find_root(folder)
    listed, problems = _list_files(root)
    pictures: list[ImageFile] = []
    signatures: dict[str, np.ndarray] = {}
    with (
        ThreadPoolExecutor(THREADS) as pool,
        closing(pool.map(lambda entry: _read(root, *entry, signatures), listed)) as results,
    ):
        for done, result in enumerate(results, start=1):
            (pictures if isinstance(result, ImageFile) else problems).append(result)
            if progress and (done % 100 == 0 or done == len(listed)):
                progress(done, len(listed))
    kept, doubtful = _without_contradictions(pictures)
    kept, leaks = _without_leaks(kept)
    kept = _with_photos(root, kept, signatures)
    problems += doubtful + leaks + _empty_classes(root, kept) + _absent_classes(kept)
    return Dataset(root, tuple(kept), tuple(sorted(problems, key=lambda problem: problem.where)))


def find_root(folder: Path) -> Path:
    """Where the class folders are: a ZIP often holds one folder that holds them."""
    children = [path for path in _entries(folder) if path.is_dir()]
    if len(children) == 1 and any(path.is_dir() for path in _entries(children[0])):
        return find_root(children[0])
    return folder


def _entries(folder: Path) -> list[Path]:
    visible = (p for p in folder.iterdir() if not p.name.startswith(".") and p.name not in _CLUTTER)
    return sorted(visible, key=lambda path: path.name)


def _class_folders(root: Path) -> Iterator[tuple[Path, str]]:
    """(class folder, split) pairs; split is "" where the data set has none of its own."""
    folders = [path for path in _entries(root) if path.is_dir()]
    splits = {path: SPLIT_NAMES[path.name.lower()] for path in folders if path.name.lower() in SPLIT_NAMES}
    if "train" not in splits.values() or len(splits) < 2:
        yield from ((path, "") for path in folders)
        return
    for split_folder, split in splits.items():
        yield from ((path, split) for path in _entries(split_folder) if path.is_dir())


def _list_files(root: Path) -> tuple[list[tuple[Path, str, str]], list[Problem]]:
    """All (file, label, split), and the pictures and folders that lie outside every class."""
    folders = list(_class_folders(root))
    listed = [(path, folder.name, split) for folder, split in folders for path in _files_below(folder)]
    used = {root} | {path for folder, _ in folders for path in (folder, folder.parent)}
    loose = [
        Problem(_shown(path.relative_to(root)), "in no class folder", "left out")
        for parent in sorted({root} | {folder.parent for folder, _ in folders})
        for path in _entries(parent)
        if path.is_file() and _is_picture(path)
    ]
    beside = [
        Problem(_shown(path.relative_to(root)), "beside the split folders", "left out")
        for path in _entries(root)
        if path.is_dir() and path not in used
    ]
    return listed, loose + beside


def _is_picture(path: Path) -> bool:
    try:
        with open_image(path):
            return True
    except UnreadableImage:
        return False


def _shown(path: Path) -> str:
    """A relative path as text; what is no text in it (a name from an old archive) becomes question marks."""
    return path.as_posix().encode(errors="replace").decode()


def _files_below(folder: Path) -> Iterator[Path]:
    for path in _entries(folder):
        if path.is_dir() and not path.is_symlink():
            yield from _files_below(path)
        elif path.is_file():
            yield path


def _read(root: Path, path: Path, label: str, split: str, signatures: dict[str, np.ndarray]) -> ImageFile | Problem:
    """Hash and decode one file; the decode is coarse but goes through all of its bytes. Its signature is noted."""
    name = _shown(path.relative_to(root))
    if name != path.relative_to(root).as_posix():
        return Problem(name, "its name is not valid text", "left out")
    try:
        with open_image(path) as image:
            width, height = image.size
        content = path.read_bytes()
        decoded = decode(content, at_least=_CHECK_SIZE)
    except (UnreadableImage, OSError) as error:
        return Problem(name, str(error), "left out")
    picture = ImageFile(name, hashlib.sha256(content).hexdigest(), label, width, height, split)
    signatures[picture.hash] = signature(decoded)
    return picture


def _with_photos(root: Path, pictures: list[ImageFile], signatures: dict[str, np.ndarray]) -> list[ImageFile]:
    """The pictures, those of one class that show one photo with its name."""
    path = {picture.hash: root / picture.path for picture in pictures}
    by_label = defaultdict(dict)
    for picture in pictures:
        by_label[picture.label][picture.hash] = signatures[picture.hash]

    def look(name: str) -> np.ndarray:
        try:
            return close_look(decode(path[name], at_least=CLOSE_SIDE))
        except (UnreadableImage, OSError):  # gone since it was read: like nothing else
            return np.zeros((CLOSE_SIDE, CLOSE_SIDE, 3), np.float32)

    photos = {
        name: photo for of_class in by_label.values() for name, photo in find_near_duplicates(of_class, look).items()
    }
    return [replace(picture, photo=photos.get(picture.hash, picture.hash)) for picture in pictures]


def _without_contradictions(pictures: list[ImageFile]) -> tuple[list[ImageFile], list[Problem]]:
    """Leave out pictures that lie in several classes: nobody can say which label is true."""
    labels = defaultdict(set)
    for picture in pictures:
        labels[picture.hash].add(picture.label)
    kept = [picture for picture in pictures if len(labels[picture.hash]) == 1]
    doubtful = [
        Problem(p.path, f"the same picture is in {', '.join(sorted(labels[p.hash]))}", "left out")
        for p in pictures
        if len(labels[p.hash]) > 1
    ]
    return kept, doubtful


def _without_leaks(pictures: list[ImageFile]) -> tuple[list[ImageFile], list[Problem]]:
    """Where own splits share a picture, the strictest of them keeps it: test, then validation."""
    strictest = strictest_sides(pictures, key=lambda picture: picture.hash)
    kept = [picture for picture in pictures if picture.split == strictest[picture.hash]]
    leaks = [
        Problem(p.path, f"the same picture is in {strictest[p.hash]}", f"left out of {p.split}")
        for p in pictures
        if p.split != strictest[p.hash]
    ]
    return kept, leaks


def strictest_sides(pictures: Iterable[ImageFile], key: Callable[[ImageFile], str]) -> dict[str, str]:
    """By key, the strictest of the own splits in which such pictures are."""
    sides = defaultdict(set)
    for picture in pictures:
        sides[key(picture)].add(picture.split)
    return {name: max(found, key=("", *SPLITS).index) for name, found in sides.items()}


def _empty_classes(root: Path, kept: list[ImageFile]) -> list[Problem]:
    found = {folder.name for folder, _ in _class_folders(root)}
    return [
        Problem(_shown(Path(name)), "no picture that can be used", "class left out")
        for name in sorted(found - {picture.label for picture in kept})
    ]


def _absent_classes(kept: list[ImageFile]) -> list[Problem]:
    """Classes that an own validation or test folder lacks."""
    there = {(picture.split, picture.label) for picture in kept}
    sides, labels = ({pair[i] for pair in there} for i in (0, 1))
    return [
        Problem(label, f"no picture in {side}", "the class is not measured there")
        for side in ("validation", "test")
        if side in sides
        for label in sorted(labels)
        if (side, label) not in there
    ]


def folder_stamp(folder: Path) -> tuple[tuple[str, int], ...]:
    """Changes when a file is added to or removed from the folder or one two levels below: cheap to ask again."""
    first = _folders_in(str(folder))
    second = [path for parent in first for path in _folders_in(parent)]
    return tuple((path, os.stat(path).st_mtime_ns) for path in (str(folder), *first, *second))  # noqa: PTH116


def _folders_in(folder: str) -> list[str]:
    """Not by `_entries`: this looks at every file's entry at every rerun of a page, and a `Path` each costs ten times
    as much."""
    with os.scandir(folder) as entries:
        return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))
