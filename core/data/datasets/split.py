"""Which pictures train, which choose the best epoch, which judge at the end: three disjoint sets."""

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from core.data.datasets.scan import SPLITS, DataError, Dataset, ImageFile, strictest_sides

FRACTIONS = {"test": 0.15, "validation": 0.15}
TEST_TO_TRAINING = FRACTIONS["test"] / (1 - sum(FRACTIONS.values()))


@dataclass(frozen=True)
class ManifestRow:
    """One line of a manifest."""

    path: str
    hash: str
    label: str
    split: str


@dataclass(frozen=True)
class Manifest:
    """What a run learns from and is judged on, stored with it as CSV."""

    items: tuple[ManifestRow, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({item.label for item in self.items}))

    def of(self, split: str) -> tuple[ManifestRow, ...]:
        return tuple(item for item in self.items if item.split == split)

    def counts(self) -> dict[str, int]:
        """Pictures a split."""
        return {split: len(self.of(split)) for split in SPLITS}

    def to_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow([f.name for f in fields(ManifestRow)])
        writer.writerows([item.path, item.hash, item.label, item.split] for item in self.items)
        return text.getvalue()

    @classmethod
    def from_csv(cls, text: str) -> "Manifest":
        """The manifest that `to_csv` wrote. Raises `DataError` on anything else."""
        try:
            items = tuple(ManifestRow(**row) for row in csv.DictReader(io.StringIO(text, newline="")))
            if not items or any(item.split not in SPLITS or item.label is None for item in items):
                raise ValueError("no pictures, or an unknown split")
        except (TypeError, ValueError, csv.Error) as error:
            raise DataError(f"Expected a manifest of path, hash, label and split; received {text[:60]!r}.") from error
        return cls(items)


def split(dataset: Dataset, seed: int = 0, leak_free: bool = True) -> Manifest:
    """Divide the pictures 70/15/15, the same way for the same contents and seed whatever the files are called.

    Stratified by class; pictures of one photo stay on one side, those of equal content alone where it need not be
    `leak_free`; every class is on all three sides. A data set with its own train/validation/test folders keeps them,
    but for pictures whose photo a stricter one has; what it lacks of the three is taken from its training pictures.
    Raises `DataError` where a class is too small.
    """
    dataset.check(leak_free)
    pictures = dataset.pictures if leak_free else [replace(picture, photo="") for picture in dataset.pictures]
    own = {picture.split for picture in pictures} - {""}
    if own:
        strictest = strictest_sides(pictures, key=lambda picture: picture.photo)
        pictures = [picture for picture in pictures if picture.split == strictest[picture.photo]]
    items = _own_splits(pictures, own, seed) if own else _divide(pictures, SPLITS, seed)
    _expect_every_class_trains(items, dataset.classes)
    return Manifest(tuple(sorted(items, key=lambda item: item.path)))


def _divide(pictures: Sequence[ImageFile], into: Sequence[str], seed: int) -> list[ManifestRow]:
    """Deal each class's different photos, in an order drawn from contents and seed, to the splits in `into`."""
    by_label = defaultdict(set)
    for picture in pictures:
        by_label[picture.label].add((picture.photo, picture.hash))
    side = {label: _deal(Counter(photo for photo, _ in contents), into, seed) for label, contents in by_label.items()}
    return [_item(picture, side[picture.label][picture.photo]) for picture in pictures]


def _deal(sizes: Mapping[str, int], into: Sequence[str], seed: int) -> dict[str, str]:
    """A side for each photo of so many different pictures; every side has one where there are photos enough."""
    order = sorted(sizes, key=lambda photo: hashlib.sha256(f"{seed}:{photo}".encode()).digest())
    room = {name: max(1, round(share * sum(sizes.values()))) for name, share in FRACTIONS.items() if name in into}
    side = {}
    for photo in order:
        side[photo] = next((name for name in room if sizes[photo] <= room[name]), "train")
        if side[photo] in room:
            room[side[photo]] -= sizes[photo]
    for name in room:  # none fitted: the smallest one all the same, of a side that keeps another
        on = Counter(side.values())
        prewarmer = sorted(
            (photo for photo in order if on[side[photo]] > 1), key=lambda photo: (side[photo] != "train", sizes[photo])
        )
        if not on[name] and prewarmer:
            side[prewarmer[0]] = name
    return side


def _own_splits(pictures: Sequence[ImageFile], own: set[str], seed: int) -> list[ManifestRow]:
    missing = [name for name in ("validation", "test") if name not in own]
    given = [_item(p, p.split) for p in pictures if p.split != "train"]
    return given + _divide([p for p in pictures if p.split == "train"], ("train", *missing), seed)


def _item(picture: ImageFile, side: str) -> ManifestRow:
    return ManifestRow(picture.path, picture.hash, picture.label, side)


def _expect_every_class_trains(items: Sequence[ManifestRow], classes: Sequence[str]) -> None:
    training = Counter(item.label for item in items if item.split == "train")
    lacking = [name for name in classes if not training[name]]
    if lacking:
        raise DataError(
            f"Expected training pictures of every class; received none of {', '.join(lacking)}. "
            "Add pictures of it, or remove the folder."
        )
    for name in SPLITS:
        if not any(item.split == name for item in items):
            raise DataError(f"Expected pictures to be in {name}; received none. Add some, or remove the folders.")
