"""Split a data set into three disjoint parts: training, validation (to choose the best epoch) and test."""

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.data.datasets.dataset import SPLITS, DataError, Dataset, ImageFile, strictest_splits
from core.data.datasets.decode import Whites
from core.data.datasets.images.scales import parse_scale, whites_of

FRACTIONS = {"test": 0.15, "validation": 0.15}
TEST_TO_TRAINING = FRACTIONS["test"] / (1 - sum(FRACTIONS.values()))


@dataclass(frozen=True)
class ManifestRow:
    """One row of a manifest: an image file, its class and its split.

    `scale` is that of the `ImageFile`; None in manifests of earlier versions, which did not record it.
    """

    path: str
    hash: str
    label: str
    split: str
    scale: str | None = ""

    @property
    def whites(self) -> Whites | None:
        """The white value to decode the image with."""
        return whites_of(None if self.scale is None else (self.scale,))

    @property
    def cache_key(self) -> str:
        """SHA-256, as hexadecimal, of all that determines the decoded image: its content and its scale, if any."""
        return hashlib.sha256(f"{self.hash} {self.scale}".encode()).hexdigest() if self.scale else self.hash


@dataclass(frozen=True)
class Manifest:
    """The images of a run and their splits; stored in the run folder as CSV."""

    items: tuple[ManifestRow, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({item.label for item in self.items}))

    @property
    def scales(self) -> tuple[str, ...] | None:
        """The scale of each kind of image with more than 8 bits; None if an earlier version wrote the manifest."""
        found = {item.scale for item in self.items}
        return None if None in found else tuple(sorted(scale for scale in found if scale))

    def in_split(self, split: str) -> tuple[ManifestRow, ...]:
        return tuple(item for item in self.items if item.split == split)

    def counts(self) -> dict[str, int]:
        """Number of images per split."""
        return {split: len(self.in_split(split)) for split in SPLITS}

    def to_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        columns = ["path", "hash", "label", "scale", "split"]
        writer.writerow(columns)
        writer.writerows([getattr(item, name) for name in columns] for item in self.items)
        return text.getvalue()

    @classmethod
    def from_csv(cls, text: str) -> "Manifest":
        """Read a manifest written by `to_csv`. Raises `DataError` for any other text."""
        try:
            rows = csv.DictReader(io.StringIO(text, newline=""))
            items = tuple(ManifestRow(**row) for row in rows)
            if "scale" not in (rows.fieldnames or ()):  # written by an earlier version
                items = tuple(replace(item, scale=None) for item in items)
            for scale in {item.scale for item in items}:
                parse_scale(scale or "")
            if not items or any(item.split not in SPLITS or item.label is None for item in items):
                raise ValueError("no images, or an unknown split")
        except (TypeError, ValueError, csv.Error) as error:
            raise DataError(f"Expected a manifest of path, hash, label and split; received {text[:60]!r}.") from error
        return cls(items)


def split(dataset: Dataset, seed: int = 0, leak_free: bool = True) -> Manifest:
    """Split the images 70/15/15, stratified by class; the result depends only on their contents and the seed.

    Near-duplicates stay in one split; if `leak_free` is False, only exact duplicates do. Every class is in all three
    splits. Predefined train/validation/test folders are respected, except that an image with a duplicate in a stricter
    split is left out; a missing validation or test split is taken from the training images. Raises `DataError` if a
    class is too small.
    """
    dataset.check(leak_free)
    images: Sequence[ImageFile] = dataset.images
    if not leak_free:
        images = [replace(image, duplicate_group="") for image in images]
    predefined = {image.split for image in images} - {""}
    if predefined:
        strictest = strictest_splits(images, key=lambda image: image.duplicate_group)
        images = [image for image in images if image.split == strictest[image.duplicate_group]]
    items = _complete_predefined(images, predefined, seed) if predefined else _divide(images, SPLITS, seed)
    _check_training_classes(items, dataset.classes)
    return Manifest(tuple(sorted(items, key=lambda item: item.path)))


def _divide(images: Sequence[ImageFile], into: Sequence[str], seed: int) -> list[ManifestRow]:
    """Assign the duplicate groups of each class to the splits `into`."""
    by_label: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for image in images:
        by_label[image.label].add((image.duplicate_group, image.hash))
    assigned = {
        label: _assign(Counter(group for group, _ in contents), into, seed) for label, contents in by_label.items()
    }
    return [_row(image, assigned[image.label][image.duplicate_group]) for image in images]


def _assign(sizes: Mapping[str, int], into: Sequence[str], seed: int) -> dict[str, str]:
    """Assign each duplicate group of one class to a split, in an order that depends only on the groups and the seed.

    Every split receives a group if there are enough groups. `sizes` is the number of different images per group.
    """
    order = sorted(sizes, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest())
    capacity = {name: max(1, round(share * sum(sizes.values()))) for name, share in FRACTIONS.items() if name in into}
    assigned: dict[str, str] = {}
    for group in order:
        assigned[group] = next((name for name in capacity if sizes[group] <= capacity[name]), "train")
        if assigned[group] in capacity:
            capacity[assigned[group]] -= sizes[group]
    for name in capacity:  # if no group fitted, take the smallest one from a split that keeps another, training first
        groups_in = Counter(assigned.values())
        movable = sorted(
            (group for group in order if groups_in[assigned[group]] > 1),
            key=lambda group: (assigned[group] != "train", sizes[group]),
        )
        if not groups_in[name] and movable:
            assigned[movable[0]] = name
    return assigned


def _complete_predefined(images: Sequence[ImageFile], predefined: set[str], seed: int) -> list[ManifestRow]:
    """Take the splits that are missing among the predefined ones from the training images."""
    missing = [name for name in ("validation", "test") if name not in predefined]
    fixed = [_row(image, image.split) for image in images if image.split != "train"]
    return fixed + _divide([image for image in images if image.split == "train"], ("train", *missing), seed)


def _row(image: ImageFile, split: str) -> ManifestRow:
    return ManifestRow(image.path, image.hash, image.label, split, image.scale)


def _check_training_classes(items: Sequence[ManifestRow], classes: Sequence[str]) -> None:
    """Raise `DataError` if a class has no training images, or a split no images at all."""
    training = Counter(item.label for item in items if item.split == "train")
    missing = [name for name in classes if not training[name]]
    if missing:
        raise DataError(
            f"Expected training images of every class; received none of {', '.join(missing)}. "
            "Add images of it, or remove the folder."
        )
    for name in SPLITS:
        if not any(item.split == name for item in items):
            raise DataError(f"Expected images in the {name} split; received none. Add some, or remove the folders.")
