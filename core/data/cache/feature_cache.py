"""The feature cache: decoded images and features of the frozen layers on disk, within a budget.

If the budget is exhausted, the least recently used entries are deleted first.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.data.cache.row_store import Kind, RowStore
from core.machine.files import read_json, write_atomically
from core.machine.paths import feature_cache_folder

MAX_DEFAULT_BUDGET = 20 * 10**9
"""Bytes. The default budget is a quarter of the free disk space, and at most this."""


@dataclass(frozen=True)
class CacheEntry:
    """One kind of cached rows for display: name, description, size in bytes, time of last use (Unix time)."""

    name: str
    description: str
    bytes: int
    last_used: float


class FeatureCache:
    """The row stores of all kinds, one folder each below `root`.

    Args:
        root: default: the cache folder of the program.
        budget: maximum size in bytes of all entries; None for the one saved by `set_budget`, or else the default.
    """

    def __init__(self, root: Path | None = None, budget: int | None = None) -> None:
        self.root = root or feature_cache_folder()
        self._budget = budget
        self._opened: set[str] = set()

    @property
    def budget(self) -> int:
        """Maximum size in bytes of all entries."""
        if self._budget is not None:
            return self._budget
        try:
            return int(read_json(self.root / "budget.json"))
        except (OSError, ValueError, TypeError):
            return self._default_budget()

    def set_budget(self, budget: int) -> None:
        """Save another budget, in bytes, and delete entries that exceed it. Raises `ValueError`, `OSError`."""
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
            raise ValueError(f"Expected a budget of 0 bytes or more; received {budget!r}.")
        self.root.mkdir(parents=True, exist_ok=True)
        write_atomically(self.root / "budget.json", str(budget))
        self._free_space(0)

    def open(self, kind: Kind, rows: int) -> RowStore:
        """Open the row store of this kind, or create it, with space for `rows` rows.

        Deletes other entries if necessary, but none that this object has opened. Raises `OSError`, also if the budget
        is too small.
        """
        folder = self.root / kind.name
        more = max(0, rows * kind.row_bytes - _bytes_in(folder))
        if not self._free_space(more, kind.name):
            raise OSError(
                f"caching {kind.description} would take {more / 1e9:.1f} GB, and the limit is "
                f"{self.budget / 1e9:.1f} GB"
            )
        self._opened.add(kind.name)
        return RowStore(folder, kind)

    def find(self, kind: Kind) -> RowStore | None:
        """Open the row store of this kind if it exists; never create one."""
        folder = self.root / kind.name
        return RowStore(folder, kind) if (folder / "about.json").is_file() else None

    def entries(self) -> tuple[CacheEntry, ...]:
        """Return all entries, the most recently used first."""
        return tuple(sorted(self._read_entries(), key=lambda entry: entry.last_used, reverse=True))

    def clear(self) -> None:
        """Delete all entries. Running trainings continue and compute again what they need."""
        for entry in self._read_entries():
            shutil.rmtree(self.root / entry.name, ignore_errors=True)

    def _read_entries(self) -> Iterator[CacheEntry]:
        if not self.root.is_dir():
            return
        for folder in self.root.iterdir():
            try:
                about = folder / "about.json"
                yield CacheEntry(folder.name, str(read_json(about)["what"]), _bytes_in(folder), about.stat().st_mtime)
            except (OSError, ValueError, TypeError, KeyError):
                continue  # not a row store, or one that is being deleted

    def _free_space(self, more: int, name: str = "") -> bool:
        """Delete the least recently used entries until `more` bytes fit; if they cannot fit, delete none, return False.

        Entries that are in use, among them `name`, are never deleted.
        """
        entries, in_use, budget = self.entries(), self._opened | {name}, self.budget
        deletable = [entry for entry in entries if entry.name not in in_use]
        used = sum(entry.bytes for entry in entries)
        if used - sum(entry.bytes for entry in deletable) + more > budget:
            return False
        while used + more > budget:
            oldest = deletable.pop()
            shutil.rmtree(self.root / oldest.name, ignore_errors=True)
            used -= oldest.bytes
        return True

    def _default_budget(self) -> int:
        existing = self.root
        while not existing.exists():
            existing = existing.parent
        used = sum(entry.bytes for entry in self._read_entries())
        return min(MAX_DEFAULT_BUDGET, (shutil.disk_usage(existing).free + used) // 4)


def _bytes_in(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0
