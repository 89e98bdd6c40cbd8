"""Recognise the names that people give to folders of training, validation and test images."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

_SPLIT_WORDS = {
    "train": r"train(ing)?|训练",
    "validation": r"val(id(ate|ation)?)?|dev|验证",
    "test": r"test(ing)?|测试",
}
_FILLER = r"(data)?sets?|data|images?|imgs?|pictures?|photos?|pics?|folders?|splits?|files?|samples?|集"
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")


class SplitName(NamedTuple):
    """A name that contains the word of a split; `rest` are its other words, such as ("seg",) in `seg_train`."""

    split: str
    rest: tuple[str, ...]


def split_name(name: str) -> SplitName | None:
    """Recognise one name: `train`, `Training Set`, `train2017`, `seg_train`, `01-train`; None if it names no split.

    `trainval` and `train_val` are training images. Numbers and words such as "images" do not count.
    """
    words = _WORD.findall(_CAMEL_CASE.sub(" ", name).lower())
    splits = {split for word in words for split in _splits_of(word)}
    if splits == {"train", "validation"}:
        splits = {"train"}
    rest = tuple(word for word in words if not _splits_of(word) and not is_filler(word))
    return SplitName(splits.pop(), rest) if len(splits) == 1 else None


def is_filler(name: str) -> bool:
    """Whether a name only means that the folder contains images, such as `images` or `data_set`."""
    words = _WORD.findall(name.lower())
    return bool(words) and all(re.fullmatch(_FILLER, word) for word in words)


def split_groups(names: Iterable[str]) -> list[dict[str, str]]:
    """Return the splits among the names, each as {name: split}: {"seg_train": "train", "seg_test": "test"}.

    The names of a split have all words in common except that of the part, and one of them is for training. "bullet
    train" and "crash test" form no split, because their other words differ.
    """
    groups: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for name in names:
        if found := split_name(name):
            groups[found.rest][name] = found.split
    return [group for group in groups.values() if "train" in group.values() and len(set(group.values())) > 1]


def _splits_of(word: str) -> list[str]:
    """The splits that a word names: one, two for `trainval`, or none."""
    if word == "trainval":
        return ["train", "validation"]
    return [split for split, words in _SPLIT_WORDS.items() if re.fullmatch(f"({words})({_FILLER})?", word)]
