"""The result of scanning a data set: its usable images, and the problems of the rest."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from core.data.datasets.images.decode import Levels

SPLITS = ("train", "validation", "test")
"""In increasing order of strictness: an image in several predefined splits stays only in the last of them."""

MIN_PER_CLASS = 3
"""Different images that a class needs: at least one each for training, validation and test."""


class DataError(ValueError):
    """The data set cannot be used for training."""


@dataclass(frozen=True)
class ImageFile:
    """One readable image file.

    Args:
        path: relative to the root of the data set.
        hash: SHA-256 of the file's content as hexadecimal.
        split: its predefined split; "" if the data set has none.
        duplicate_group: the same for all exact and near-duplicates within a class: the hash of one of them.
        levels: range of its values if it has more than 8 bits per channel.
        scale: how its values are scaled to 8 bits (`core/data/datasets/images/scales.py`); "" for 8-bit images.
        group: the user's name for images that belong together, in any class; "" if there is none.
    """

    path: str
    hash: str
    label: str
    width: int
    height: int
    split: str = ""
    duplicate_group: str = ""
    levels: Levels | None = None
    scale: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        if not self.duplicate_group:
            object.__setattr__(self, "duplicate_group", self.hash)


@dataclass(frozen=True)
class Problem:
    """A file, folder or class that is not used as it is: which one, why, and what follows."""

    location: str
    reason: str
    consequence: str


@dataclass(frozen=True)
class Dataset:
    """A scanned data set.

    Args:
        images: those that will be used.
        problems: everything else.
        other_near_duplicates: pairs of near-duplicates in no common `duplicate_group`, by their hashes, such as some of
            the frames of a panning camera.
        scanned: when the scan began, in Unix seconds; None if the images were not scanned.
        left_out_duplicates: images left out of their predefined split, because a stricter one contains the same file.
    """

    root: Path
    images: tuple[ImageFile, ...]
    problems: tuple[Problem, ...]
    other_near_duplicates: tuple[tuple[str, str], ...] = ()
    scanned: float | None = field(default=None, compare=False)
    left_out_duplicates: tuple[ImageFile, ...] = ()

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of images per class, sorted by class name."""
        return dict(sorted(Counter(image.label for image in self.images).items()))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.counts)

    @cached_property
    def exact_duplicates(self) -> tuple[tuple[ImageFile, ...], ...]:
        """Groups of files with the same content, each within one class."""
        groups: dict[str, list[ImageFile]] = defaultdict(list)
        for image in self.images:
            groups[image.hash].append(image)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    @cached_property
    def near_duplicates(self) -> tuple[tuple[ImageFile, ...], ...]:
        """Groups of near-duplicates that are not all exact duplicates."""
        groups: dict[str, list[ImageFile]] = defaultdict(list)
        for image in self.images:
            groups[image.duplicate_group].append(image)
        return tuple(tuple(group) for group in groups.values() if len({image.hash for image in group}) > 1)

    @property
    def median_size(self) -> tuple[int, int]:
        """Median (width, height) of the images; (0, 0) if there are none."""
        if not self.images:
            return 0, 0
        middle = len(self.images) // 2
        return (
            sorted(image.width for image in self.images)[middle],
            sorted(image.height for image in self.images)[middle],
        )

    @cached_property
    def duplicate_groups(self) -> dict[str, str]:
        """The duplicate group of each image, by hash."""
        return {image.hash: image.duplicate_group for image in self.images}

    @property
    def has_split_folders(self) -> bool:
        """Whether the images come in folders of their own for training and other parts."""
        return any(image.split for image in self.images)

    def check(self) -> None:
        """Raise `DataError` unless there are at least two classes with `MIN_PER_CLASS` different images each.

        In folders with a split of their own, a class may have fewer images.
        """
        if len(self.classes) < 2:
            raise DataError(
                f"Expected at least 2 class folders with images in {self.root}; received "
                f"{len(self.classes)}. Put each class into a separate folder."
            )
        counts = Counter(label for label, _ in {(image.label, image.hash) for image in self.images})
        too_small = {label: number for label, number in counts.items() if number < MIN_PER_CLASS}
        if too_small and not self.has_split_folders:
            received = ", ".join(f"{label}: {number}" for label, number in sorted(too_small.items()))
            raise DataError(
                f"Expected at least {MIN_PER_CLASS} different images in every class; received {received}. "
                "Add images or remove the folder."
            )


def strictest_splits(images: Iterable[ImageFile], key: Callable[[ImageFile], str]) -> dict[str, str]:
    """Map each key to the strictest predefined split that contains images with that key."""
    splits: dict[str, set[str]] = defaultdict(set)
    for image in images:
        splits[key(image)].add(image.split)
    return {name: max(found, key=("", *SPLITS).index) for name, found in splits.items()}
