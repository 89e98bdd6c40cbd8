"""Keeping for one run: take what is kept, keep what is computed; where that fails, the run goes on without."""

from collections.abc import Callable, Sequence

import numpy as np

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.row_store import Kind, RowStore
from core.machine.files import is_disk_full


class RunCache:
    """The shelves that one run uses.

    Args:
        shelves: None keeps nothing and takes nothing.
        images: how many images the run has, at most so many rows a shelf.
        tell: is told once, in a sentence, why nothing more is kept.

    `saved_seconds` is what the rows taken so far once took to compute.
    """

    def __init__(
        self,
        feature_cache: FeatureCache | None = None,
        images: int = 0,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._shelves, self._images, self._tell = feature_cache, images, tell
        self._open: dict[str, RowStore | None] = {}
        self._full: set[str] = set()
        self._told = False
        self.saved_seconds = 0.0

    def read(self, kind: Kind, images: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(rows, which of them are here); what is not here is left at zero."""
        row_store = self._shelf(kind)
        if row_store is None:
            return np.zeros((len(images), *kind.shape), kind.dtype), np.zeros(len(images), bool)
        rows, here, seconds = row_store.read(images)
        self.saved_seconds += seconds
        return rows, here

    def write(self, kind: Kind, images: Sequence[str], rows: np.ndarray, seconds: float) -> None:
        """Keep rows that took `seconds` to compute, as long as that can be done."""
        row_store = self._shelf(kind)
        if row_store is None or kind.name in self._full:
            return
        try:
            row_store.append(images, rows, seconds)
        except OSError as error:
            self._give_up(kind, error)

    def _shelf(self, kind: Kind) -> RowStore | None:
        if kind.name not in self._open:
            self._open[kind.name] = self._try_open(kind)
        return self._open[kind.name]

    def _try_open(self, kind: Kind) -> RowStore | None:
        if self._shelves is None:
            return None
        try:
            return self._shelves.open(kind, self._images)
        except OSError as error:
            self._give_up(kind, error)
            return self._shelves.find(kind)

    def _give_up(self, kind: Kind, error: OSError) -> None:
        """Keep no more rows of this kind; those of others are tried on."""
        self._full.add(kind.name)
        if not self._told:
            self._told = True
            reason = "the disk is full" if is_disk_full(error) else (error.strerror or str(error))
            self._tell(f"Not all of what is computed is kept for later runs: {reason}. This run goes on all the same.")
