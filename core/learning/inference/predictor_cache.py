"""The models used most recently, kept in memory and shared by all requests."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np

from core.data.explain.model_output import ModelOutput
from core.learning.inference.predictor import Predictor
from core.machine.devices import available_memory

Stamp = tuple[int, int, int]

MIN_FREE_MEMORY, FEW_MODELS = 1024**3, 3
"""With fewer bytes of memory available, only this number of models is kept: those of a study, used in turn."""


@dataclass
class _Entry:
    """A model in the cache, entered before it is loaded: one request loads it under the lock, the others wait."""

    stamp: Stamp
    lock: Lock = field(default_factory=Lock)
    predictor: Predictor | None = None


class PredictorCache:
    """At most `limit` models in memory, each loaded once. While one loads, the others can be used.

    When less than `MIN_FREE_MEMORY` is available, only the `FEW_MODELS` used last are kept.
    """

    def __init__(self, limit: int = 16, available: Callable[[], int] = available_memory) -> None:
        self._limit, self._available = limit, available
        self._entries: OrderedDict[Path, _Entry] = OrderedDict()
        self._lock = Lock()

    def get(self, path: Path) -> Predictor:
        """Return the model of this file, loaded again if the file has changed. Raises `ModelFileError`."""
        entry = self._entry(path)
        with entry.lock:
            entry.predictor = entry.predictor or Predictor(path)  # if this fails, the next request tries again
            return entry.predictor

    def predict(self, path: Path, pixels: np.ndarray) -> ModelOutput:
        """Compute the output of this file's model. Raises `ModelFileError`; `ValueError` for images of another size."""
        return self.get(path).predict(pixels)

    def _entry(self, path: Path) -> _Entry:
        stamp = _stamp(path)
        with self._lock:
            entry = self._entries.pop(path, None)
            if entry is None or entry.stamp != stamp:
                entry = _Entry(stamp)
            self._entries[path] = entry
            while len(self._entries) > (FEW_MODELS if self._available() < MIN_FREE_MEMORY else self._limit):
                self._entries.popitem(last=False)
            return entry


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0  # the error is reported when the model is loaded
    return found.st_mtime_ns, found.st_size, found.st_ino
