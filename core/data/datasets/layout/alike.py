"""Class names that probably mean one class."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from core.data.datasets.dataset import Problem


def alike_classes(labels: Iterable[str]) -> list[Problem]:
    """Report class names that differ in capitals, spaces, dashes or the coding of accents alone."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in sorted(labels):
        groups[_folded(label)].append(label)
    return [
        Problem(
            ", ".join(map(_shown, names)),
            "probably one class: the names differ only in capitals, spaces, dashes or the coding of accents",
            "trained as separate classes; give the folders the same name to join them",
        )
        for names in groups.values()
        if len(names) > 1
    ]


def _folded(label: str) -> str:
    composed = unicodedata.normalize("NFKC", label).casefold()
    return unicodedata.normalize("NFKC", " ".join(composed.replace("_", " ").replace("-", " ").split()))


def _shown(label: str) -> str:
    """The name; quoted if it begins or ends with a space, and without bytes that are not valid text."""
    text = label.encode(errors="replace").decode()
    return repr(text) if text != text.strip() else text
