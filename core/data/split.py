"""Which pictures train, which choose the best epoch, which judge at the end: three disjoint sets."""

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

from core.data.dataset import SPLITS, DataError, Dataset, Picture

FRACTIONS = {"test": 0.15, "validation": 0.15}
TEST_TO_TRAINING = FRACTIONS["test"] / (1 - sum(FRACTIONS.values()))


@dataclass(frozen=True)
class Item:
    """One line of a manifest."""

    path: str
    hash: str
    label: str
    split: str


@dataclass(frozen=True)
class Manifest:
    """What a run learns from and is judged on, stored with it as CSV."""

    items: tuple[Item, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({item.label for item in self.items}))

    def of(self, split: str) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.split == split)

    def counts(self) -> dict[str, int]:
        """Pictures a split."""
        return {split: len(self.of(split)) for split in SPLITS}

    def to_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow([f.name for f in fields(Item)])
        writer.writerows([item.path, item.hash, item.label, item.split] for item in self.items)
        return text.getvalue()

    @classmethod
    def from_csv(cls, text: str) -> "Manifest":
        """The manifest that `to_csv` wrote. Raises `DataError` on anything else."""
        try:
            items = tuple(Item(**row) for row in csv.DictReader(io.StringIO(text, newline="")))
            if not items or any(item.split not in SPLITS or item.label is None for item in items):
                raise ValueError("no pictures, or an unknown split")
        except (TypeError, ValueError, csv.Error) as error:
            raise DataError(f"Expected a manifest of path, hash, label and split; received {text[:60]!r}.") from error
        return cls(items)


def split(dataset: Dataset, seed: int = 0) -> Manifest:
    """Divide the pictures 70/15/15, the same way for the same contents and seed whatever the files are called.

    Stratified by class; equal pictures stay on one side; every class is on all three sides. A data set with its own
    train/validation/test folders keeps them, and what it lacks of the three is taken from its training pictures.
    Raises `DataError` where a class is too small.
    """
    dataset.check()
    own = {picture.split for picture in dataset.pictures} - {""}
    items = _own_splits(dataset.pictures, own, seed) if own else _divide(dataset.pictures, SPLITS, seed)
    _expect_every_class_trains(items, dataset.classes)
    return Manifest(tuple(sorted(items, key=lambda item: item.path)))


def _divide(pictures: Sequence[Picture], into: Sequence[str], seed: int) -> list[Item]:
    """Deal each class's different pictures, in an order drawn from contents and seed, to the splits in `into`."""
    by_label = defaultdict(list)
    for picture in pictures:
        by_label[picture.label].append(picture)
    return [item for group in by_label.values() for item in _divide_class(group, into, seed)]


def _divide_class(pictures: Sequence[Picture], into: Sequence[str], seed: int) -> list[Item]:
    hashes = sorted({p.hash for p in pictures}, key=lambda h: hashlib.sha256(f"{seed}:{h}".encode()).digest())
    side, start = dict.fromkeys(hashes, "train"), 0
    for name in (name for name in FRACTIONS if name in into):
        end = start + max(1, round(FRACTIONS[name] * len(hashes)))
        side |= dict.fromkeys(hashes[start:end], name)
        start = end
    return [_item(picture, side[picture.hash]) for picture in pictures]


def _own_splits(pictures: Sequence[Picture], own: set[str], seed: int) -> list[Item]:
    missing = [name for name in ("validation", "test") if name not in own]
    given = [_item(p, p.split) for p in pictures if p.split != "train"]
    return given + _divide([p for p in pictures if p.split == "train"], ("train", *missing), seed)


def _item(picture: Picture, side: str) -> Item:
    return Item(picture.path, picture.hash, picture.label, side)


def _expect_every_class_trains(items: Sequence[Item], classes: Sequence[str]) -> None:
    training = Counter(item.label for item in items if item.split == "train")
    lacking = [name for name in classes if not training[name]]
    if lacking:
        raise DataError(f"Expected training pictures of every class; received none of {', '.join(lacking)}. "
                        "Add pictures of it, or remove the folder.")
    for name in SPLITS:
        if not any(item.split == name for item in items):
            raise DataError(f"Expected pictures to be in {name}; received none. Add some, or remove the folders.")
