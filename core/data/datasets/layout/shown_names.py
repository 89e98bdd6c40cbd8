"""Names of folders and classes as a message shows them."""

from collections.abc import Iterable

_SHOWN = 4


def list_names(names: Iterable[str]) -> str:
    """The first four names in alphabetical order, and the number of the others: `a, b, c, d and 6 more`."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _SHOWN:,} more" if len(ordered) > _SHOWN else ""
    return ", ".join(map(printable, ordered[:_SHOWN])) + more


def printable(name: str) -> str:
    """The name with control characters escaped: a carriage return would overwrite the line in a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
