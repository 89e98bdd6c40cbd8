"""Decoded images of a run: each is decoded on first use and cached for all runs with the same image size."""

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from core.data.cache.keys import decoded_image_rows
from core.data.cache.run_cache import RunCache
from core.data.datasets.images.decode import THREADS, UnreadableImage, load_image
from core.data.datasets.split import ManifestRow


class DecodedImages:
    """The images of a manifest as (size, size, 3) uint8, indexed by an array of their numbers.

    Args:
        root: folder that the items' paths are relative to.
        run_cache: cache for the decoded pixels.
    """

    def __init__(self, root: Path, items: Sequence[ManifestRow], size: int, run_cache: RunCache) -> None:
        self._root, self._items, self._size, self._run_cache = root, items, size, run_cache
        self._kind = decoded_image_rows(size)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, numbers: np.ndarray) -> np.ndarray:
        """Return (n, size, size, 3) uint8. Raises `UnreadableImage` with the name of a file changed since the scan."""
        images = [self._items[number].cache_key for number in numbers]
        pixels, found = self._run_cache.read(self._kind, images)
        missing = np.flatnonzero(~found)
        if len(missing):
            start = time.perf_counter()
            with ThreadPoolExecutor(THREADS) as pool:
                pixels[missing] = list(pool.map(self._decode, [self._items[numbers[i]] for i in missing]))
            seconds = time.perf_counter() - start
            self._run_cache.write(self._kind, [images[i] for i in missing], pixels[missing], seconds)
        return pixels

    def _decode(self, item: ManifestRow) -> np.ndarray:
        path = self._root / item.path
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != item.hash:
                raise UnreadableImage("different content")
            return load_image(content, self._size, item.whites)
        except (UnreadableImage, OSError) as error:
            raise UnreadableImage(
                f"Expected the image {path} as it was at the start of the run; received: {error}."
            ) from error
