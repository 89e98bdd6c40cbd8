"""The decoded images of a run: each decoded when it is first asked for, and kept for all runs at that size."""

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from core.data.cache.keys import decoded_images
from core.data.cache.run_cache import RunCache
from core.data.datasets.decode import THREADS, UnreadableImage, load_image
from core.data.datasets.split import ManifestRow


class DecodedImages:
    """Images of a manifest as (size, size, 3) uint8, by their numbers.

    Args:
        root: what the items' paths are relative to.
        keeper: who keeps what was decoded.
    """

    def __init__(self, root: Path, items: Sequence[ManifestRow], size: int, run_cache: RunCache) -> None:
        self._root, self._items, self._size, self._run_cache = root, items, size, run_cache
        self._kind = decoded_images(size)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, numbers: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8. Raises `UnreadableImage` naming a file that changed since the scan."""
        images = [self._items[number].hash for number in numbers]
        pixels, here = self._run_cache.read(self._kind, images)
        missing = np.flatnonzero(~here)
        if len(missing):
            began = time.perf_counter()
            with ThreadPoolExecutor(THREADS) as pool:
                pixels[missing] = list(pool.map(self._decode, [self._items[numbers[i]] for i in missing]))
            self._run_cache.write(
                self._kind, [images[i] for i in missing], pixels[missing], time.perf_counter() - began
            )
        return pixels

    def _decode(self, item: ManifestRow) -> np.ndarray:
        path = self._root / item.path
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != item.hash:
                raise UnreadableImage("other content")
            return load_image(content, self._size)
        except (UnreadableImage, OSError) as error:
            raise UnreadableImage(
                f"Expected the picture {path} as it was at the start; received: {error}. "
                "Start again with the data as they are now."
            ) from error
