"""Split a data set into three disjoint parts: training, validation (to choose the best epoch) and test."""

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.data.datasets.dataset import SPLITS, DataError, Dataset, ImageFile
from core.data.datasets.groups import units
from core.data.datasets.images.decode import Whites
from core.data.datasets.images.scales import parse_scale

FRACTIONS = {"test": 0.15, "validation": 0.15}
TEST_TO_TRAINING = FRACTIONS["test"] / (1 - sum(FRACTIONS.values()))

Assign = Callable[[Mapping[str, Counter[str]], Sequence[str], int], dict[str, str]]
"""Returns the part of each unit, given its number of different images of each class, the parts and the seed."""


@dataclass(frozen=True)
class ManifestRow:
    """One row of a manifest: an image file, its class and its split.

    `scale` and `group` are those of the `ImageFile`. `scale` is None in manifests of earlier versions, which did not
    record it.
    """

    path: str
    hash: str
    label: str
    split: str
    scale: str | None = ""
    group: str = ""

    @property
    def whites(self) -> Whites | None:
        """The white value to decode the image with."""
        return None if self.scale is None else parse_scale(self.scale)

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
        """Write one row per image; split is the last column.

        There is a column of groups only if an image is in a group, but always one of scales: without it the images are
        scaled as earlier versions did (see `decode`).
        """
        groups = ["group"] if any(item.group for item in self.items) else []
        columns = ["path", "hash", "label", *groups, "scale", "split"]
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
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
            if not items or any(item.split not in SPLITS or None in (item.label, item.group) for item in items):
                raise ValueError("no images, or an unknown split")
        except (TypeError, ValueError, csv.Error) as error:
            raise DataError(f"Expected a manifest of path, hash, label and split; received {text[:60]!r}.") from error
        return cls(items)


def split(dataset: Dataset, seed: int = 0, leak_free: bool = True) -> Manifest:
    """Split the images 70/15/15, stratified by class; the result depends only on contents, groups and the seed.

    Exact duplicates and the images of a group are always in one split, and near-duplicates if `leak_free`. A class
    whose near-duplicates would leave too few images for validation or test is divided image by image. A class with too
    few groups is absent from validation, or from validation and test.

    Predefined train, validation and test folders are used as they are. If validation or test is missing, it is drawn
    from the training images. Raises `DataError` if a class is too small.
    """
    return divide(dataset, seed, leak_free, assign_at_random)


def divide(dataset: Dataset, seed: int, leak_free: bool, assign: Assign) -> Manifest:
    """Divide the images that have no predefined part; `assign` chooses the part of each unit (see `units`).

    Raises `DataError` if a class is too small.
    """
    dataset.check()
    images, into = divided_images(dataset)
    fixed = [_row(image, image.split) for image in dataset.images if image.split not in ("", "train")]
    names = units(images, len(into), leak_free)
    assigned = assign(unit_sizes(images, names), into, seed)
    items = fixed + [_row(image, assigned[name]) for image, name in zip(images, names, strict=True)]
    _check_parts(items, dataset.classes)
    return Manifest(tuple(sorted(items, key=lambda item: item.path)))


def divided_images(dataset: Dataset) -> tuple[list[ImageFile], tuple[str, ...]]:
    """Return the images that have to be divided, and the splits that they are divided into.

    They are all images without a predefined split, and the predefined training images if another split is missing.
    """
    predefined = {image.split for image in dataset.images} - {""}
    into = ("train", *(name for name in ("validation", "test") if name not in predefined))
    return [image for image in dataset.images if image.split in ("", "train")], into


def unit_sizes(images: Sequence[ImageFile], names: Sequence[str]) -> dict[str, Counter[str]]:
    """Return the number of different images of each class, by the unit that is named for each image."""
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    contents = ((name, image.label, image.hash) for image, name in zip(images, names, strict=True))
    for name, label, _ in dict.fromkeys(contents):
        sizes[name][label] += 1
    return dict(sizes)


def assign_at_random(units: Mapping[str, Counter[str]], into: Sequence[str], seed: int) -> dict[str, str]:
    """Assign each unit to test if all its images fit into the rest of that share, else to validation, else to training.

    The order of the units depends only on their names and the seed.

    Args:
        units: number of different images of each class, by unit.
    """
    order = sorted(units, key=lambda unit: hashlib.sha256(f"{seed}:{unit}".encode()).digest())
    totals = Counter[str]()
    for sizes in units.values():
        for label, size in sizes.items():  # for thousands of small counters faster than `Counter.update`
            totals[label] += size
    shares = {name: share for name, share in FRACTIONS.items() if name in into}
    capacity = {(name, label): max(1, round(shares[name] * totals[label])) for name in shares for label in totals}
    assigned: dict[str, str] = {}
    for unit in order:
        fitting = (name for name in shares if all(size <= capacity[name, label] for label, size in units[unit].items()))
        assigned[unit] = next(fitting, "train")
        if assigned[unit] in shares:
            for label, size in units[unit].items():
                capacity[assigned[unit], label] -= size
    _fill_gaps({unit: units[unit] for unit in order}, assigned, ("train", *shares))
    return assigned


def _fill_gaps(units: Mapping[str, Counter[str]], assigned: dict[str, str], into: Sequence[str]) -> None:
    """Move units to the splits from which a class is absent: first to training, then to test and validation.

    A unit is moved only if all its classes remain in the split that it leaves. A class without such a unit stays absent
    from validation or test, but never from training.
    """
    by_label: dict[str, list[str]] = defaultdict(list)
    for unit, sizes in units.items():
        for label in sizes:
            by_label[label].append(unit)
    present = Counter((assigned[unit], label) for unit, sizes in units.items() for label in sizes)
    for name, label in ((name, label) for name in into for label in sorted(by_label)):
        if present[name, label]:
            continue
        movable = [unit for unit in by_label[label] if all(present[assigned[unit], other] > 1 for other in units[unit])]
        if name == "train" and not movable:
            movable = sorted(by_label[label], key=lambda unit: assigned[unit] != "validation")[:1]
        if movable:
            absent = {unit: sum(not present[name, other] for other in units[unit]) for unit in movable}
            limit = 2 * min(units[unit][label] for unit in movable)  # not always the smallest, so that seeds differ
            unit = min(movable, key=lambda u: (-absent[u], assigned[u] != "train", units[u][label] > limit))
            present.subtract((assigned[unit], other) for other in units[unit])
            present.update((name, other) for other in units[unit])
            assigned[unit] = name


def _row(image: ImageFile, split: str) -> ManifestRow:
    return ManifestRow(image.path, image.hash, image.label, split, image.scale, image.group)


def _check_parts(items: Sequence[ManifestRow], classes: Sequence[str]) -> None:
    """Raise `DataError` if a class has no training images, or a split no images at all."""
    training = Counter(item.label for item in items if item.split == "train")
    missing = [name for name in classes if not training[name]]
    if missing:
        raise DataError(
            f"Expected training images of every class; received none of {', '.join(missing)}. "
            "Add images of it, or remove the folder."
        )
    groups = len({item.group for item in items} - {""})
    reason = f", because the {groups:,} groups leave none" if groups else ""
    advice = "Give smaller groups, or none" if groups else "Add some, or remove the folders"
    for name in SPLITS:
        if not any(item.split == name for item in items):
            raise DataError(f"Expected images in the {name} split; received none{reason}. {advice}.")
