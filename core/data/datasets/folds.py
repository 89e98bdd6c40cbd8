"""Test parts in turn: five folds of the images, each of them the test part of one of five seeds.

Seeds 0 to 4 share one division into folds, so together they test every image once (except groups that contain a whole
class); seeds 5 to 9 share another.
Validation gets the usual 15% of the other four folds, so 68% of the images are for training, 12% for validation and 20%
for testing.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from core.data.datasets.dataset import DataError, Dataset
from core.data.datasets.split import Manifest, assign_at_random, divide, split
from core.experiment.run_config import IN_TURN

FOLDS: Final = 5


class NotInTurn(DataError):
    """The images cannot be divided into five test parts; `reason` is a clause that says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Expected images that can be tested in turn; {reason}. Choose random test parts.")
        self.reason = reason


def split_with(test_parts: str, dataset: Dataset, seed: int = 0, leak_free: bool = True) -> Manifest:
    """Split the images with test parts at random (`split`) or in turn (`split_in_turn`). Raises `DataError`."""
    return (split_in_turn if test_parts == IN_TURN else split)(dataset, seed, leak_free)


def split_in_turn(dataset: Dataset, seed: int = 0, leak_free: bool = True) -> Manifest:
    """Split the images 68/12/20, stratified by class, so that seeds 5n to 5n + 4 test every image once.

    The result depends only on contents, groups and the seed. Images that `split` keeps together stay together. Those of
    a group that contains a whole class are never tested, because the class would have no training images then.
    Predefined validation images stay as they are; then 80% of the others are for training.

    Raises `NotInTurn` if there are test folders, or too few images or groups; `DataError` if a class is too small.
    """
    return divide(dataset, seed, leak_free, _assign_in_turn)


def why_not_in_turn(dataset: Dataset, seed: int = 0, leak_free: bool = True) -> str:
    """Say in a clause why the images cannot be divided into five test parts; "" if they can."""
    try:
        split_in_turn(dataset, seed, leak_free)
    except NotInTurn as error:
        return error.reason
    except DataError:
        return ""  # they cannot be divided at random either
    return ""


def _assign_in_turn(units: Mapping[str, Counter[str]], into: Sequence[str], seed: int) -> dict[str, str]:
    """Assign the units of the seed's fold to test, and divide the others at random."""
    if "test" not in into:
        raise NotInTurn("the data set has a test folder of its own, which is used as it is")
    folds = _folds(units, seed // FOLDS)
    _check_folds(units, folds)
    tested = [unit for unit, fold in folds.items() if fold == seed % FOLDS]
    others = {unit: sizes for unit, sizes in units.items() if folds.get(unit) != seed % FOLDS}
    return dict.fromkeys(tested, "test") | assign_at_random(others, [part for part in into if part != "test"], seed)


def _folds(units: Mapping[str, Counter[str]], division: int) -> dict[str, int]:
    """Return the fold of each unit, from 0 on; units that contain a whole class are in none.

    A unit is an image, or the images that stay together. Large units come first. Each goes to a fold that would not
    contain a whole class then, if there is one; of these to the one with the smallest share of the unit's classes, then
    to the smallest. Units of about the same size are in random order, which depends only on their names and on the
    number of the division.
    """
    totals, drawn = _total(units.values()), {unit: _draw(division, unit) for unit in units}
    filled = [Counter[str]() for _ in range(FOLDS)]

    def cost(unit: str, fold: int) -> tuple[int, float, int, int]:
        shares = [(filled[fold][label] + size) / totals[label] for label, size in units[unit].items()]
        return shares.count(1.0), sum(shares), filled[fold].total(), (drawn[unit] + fold) % FOLDS

    testable = (unit for unit, sizes in units.items() if all(sizes[label] < totals[label] for label in sizes))
    folds: dict[str, int] = {}
    for unit in sorted(testable, key=lambda unit: (-units[unit].total().bit_length(), drawn[unit])):
        folds[unit] = min(range(FOLDS), key=partial(cost, unit))
        filled[folds[unit]].update(units[unit])
    return folds


def _check_folds(units: Mapping[str, Counter[str]], folds: Mapping[str, int]) -> None:
    """Raise `NotInTurn` if a fold is empty or contains all images of a class."""
    if len(set(folds.values())) < FOLDS:
        raise NotInTurn(
            f"five test parts need at least {FOLDS} images or groups, none of them a whole class, and there are "
            f"{len(folds)}"
        )
    totals = _total(units.values())
    for fold in range(FOLDS):
        held = _total(units[unit] for unit, its_fold in folds.items() if its_fold == fold)
        if whole := [label for label, size in held.items() if size == totals[label]]:
            raise NotInTurn(f"one of the five test parts would contain all images of {min(whole)}")


def _total(sizes: Iterable[Counter[str]]) -> Counter[str]:
    """Add up counters of images by class."""
    total = Counter[str]()
    for size in sizes:
        total.update(size)
    return total


def _draw(division: int, unit: str) -> int:
    """Return a pseudo-random number that depends only on the number of the division and the unit."""
    return int.from_bytes(hashlib.sha256(f"fold {division}:{unit}".encode()).digest())
