"""All that is kept of computation: found by what it is, within a budget of disk space, the least used going first."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.data.cache.row_store import Kind, RowStore
from core.machine.files import read_json, write_whole
from core.machine.paths import feature_cache_folder

MOST_BYTES = 20 * 10**9
"""The budget where nobody set another, unless a quarter of the free space is less."""


@dataclass(frozen=True)
class CacheEntry:
    """One shelf as a page tells it: what its rows are, how many bytes it takes, when it was used last (Unix time)."""

    name: str
    what: str
    bytes: int
    used: float


class FeatureCache:
    """The shelves below one folder, by default the program's own.

    Args:
        budget: bytes they may take together; None for what `set_budget` kept, or else the default.
    """

    def __init__(self, root: Path | None = None, budget: int | None = None) -> None:
        self.root = root or feature_cache_folder()
        self._budget = budget
        self._opened: set[str] = set()

    @property
    def budget(self) -> int:
        """Bytes that all shelves may take together."""
        if self._budget is not None:
            return self._budget
        try:
            return int(read_json(self.root / "budget.json"))
        except (OSError, ValueError, TypeError):
            return self._default_budget()

    def set_budget(self, budget: int) -> None:
        """Keep another budget, in bytes. Raises `ValueError`, `OSError`."""
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
            raise ValueError(f"Expected a budget of 0 bytes or more; received {budget!r}.")
        self.root.mkdir(parents=True, exist_ok=True)
        write_whole(self.root / "budget.json", str(budget))
        self._make_room(0)

    def open(self, kind: Kind, rows: int) -> RowStore:
        """The shelf of this kind, with room for `rows` rows: others go for it, but none that was opened here before.

        Raises `OSError`, also where the budget is too small.
        """
        folder = self.root / kind.name
        more = max(0, rows * kind.row_bytes - _bytes_in(folder))
        if not self._make_room(more, kind.name):
            raise OSError(
                f"keeping {kind.what} would take {more / 1e9:.1f} GB, and the limit is {self.budget / 1e9:.1f} GB"
            )
        self._opened.add(kind.name)
        return RowStore(folder, kind)

    def find(self, kind: Kind) -> RowStore | None:
        """The shelf of this kind if there is one; none is made."""
        folder = self.root / kind.name
        return RowStore(folder, kind) if (folder / "about.json").is_file() else None

    def entries(self) -> tuple[CacheEntry, ...]:
        """What is kept, the most recently used first."""
        return tuple(sorted(self._look(), key=lambda kept: kept.used, reverse=True))

    def clear(self) -> None:
        """Keep nothing any more. Runs that train go on; what they reuse they compute anew."""
        for kept in self._look():
            shutil.rmtree(self.root / kept.name, ignore_errors=True)

    def _look(self) -> Iterator[CacheEntry]:
        if not self.root.is_dir():
            return
        for folder in self.root.iterdir():
            try:
                about = folder / "about.json"
                yield CacheEntry(folder.name, str(read_json(about)["what"]), _bytes_in(folder), about.stat().st_mtime)
            except (OSError, ValueError, TypeError, KeyError):
                continue  # no shelf, or one that is being removed

    def _make_room(self, more: int, name: str = "") -> bool:
        """Drop what was not used for longest until `more` bytes fit; False, and nothing dropped, where they cannot."""
        kept, in_use, budget = self.entries(), self._opened | {name}, self.budget
        droppable = [one for one in kept if one.name not in in_use]
        taken = sum(one.bytes for one in kept)
        if taken - sum(one.bytes for one in droppable) + more > budget:
            return False
        while taken + more > budget:
            oldest = droppable.pop()
            shutil.rmtree(self.root / oldest.name, ignore_errors=True)
            taken -= oldest.bytes
        return True

    def _default_budget(self) -> int:
        place = self.root
        while not place.exists():
            place = place.parent
        taken = sum(one.bytes for one in self._look())
        return min(MOST_BYTES, (shutil.disk_usage(place).free + taken) // 4)


def _bytes_in(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0
