"""The cache of one run: reads cached rows, writes new ones, and disables itself on errors without stopping the run."""

from collections.abc import Callable, Sequence

import numpy as np

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.row_store import Kind, RowStore
from core.machine.files import is_disk_full


class RunCache:
    """Access of one run to the feature cache.

    Args:
        feature_cache: None reads and writes nothing.
        image_count: number of images of the run, the maximum number of rows per kind.
        warn: called at most once, with a sentence that says why not everything can be cached.

    `saved_seconds` is the computing time of all rows read from the cache so far.
    """

    def __init__(
        self,
        feature_cache: FeatureCache | None = None,
        image_count: int = 0,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._feature_cache, self._image_count, self._warn = feature_cache, image_count, warn
        self._row_stores: dict[str, RowStore | None] = {}
        self._read_only: set[str] = set()
        self._has_warned = False
        self.saved_seconds = 0.0

    def read(self, kind: Kind, images: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows, found): `found` is True for each image that has a row; the other rows are zero."""
        row_store = self._row_store(kind)
        if row_store is None:
            return np.zeros((len(images), *kind.shape), kind.dtype), np.zeros(len(images), bool)
        rows, found, seconds = row_store.read(images)
        self.saved_seconds += seconds
        return rows, found

    def write(self, kind: Kind, images: Sequence[str], rows: np.ndarray, seconds: float) -> None:
        """Cache rows that took `seconds` to compute; do nothing if writing has failed before."""
        row_store = self._row_store(kind)
        if row_store is None or kind.name in self._read_only:
            return
        try:
            row_store.append(images, rows, seconds)
        except OSError as error:
            self._stop_writing(kind, error)

    def _row_store(self, kind: Kind) -> RowStore | None:
        if kind.name not in self._row_stores:
            self._row_stores[kind.name] = self._open(kind)
        return self._row_stores[kind.name]

    def _open(self, kind: Kind) -> RowStore | None:
        if self._feature_cache is None:
            return None
        try:
            return self._feature_cache.open(kind, self._image_count)
        except OSError as error:
            self._stop_writing(kind, error)
            return self._feature_cache.find(kind)

    def _stop_writing(self, kind: Kind, error: OSError) -> None:
        """Write no more rows of this kind; other kinds are not affected."""
        self._read_only.add(kind.name)
        if not self._has_warned:
            self._has_warned = True
            reason = "the disk is full" if is_disk_full(error) else (error.strerror or str(error))
            self._warn(f"Not everything can be cached for later runs: {reason}. This run continues.")
