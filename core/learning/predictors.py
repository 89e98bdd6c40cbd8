"""The models that were asked last, kept in memory and shared by whoever asks."""

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np

from core.learning.prediction import Predictor

Stamp = tuple[int, int, int]


@dataclass
class _Place:
    """A model's place, taken before the model is there: who loads it holds the lock, and who wants it waits for it."""

    stamp: Stamp
    lock: Lock = field(default_factory=Lock)
    predictor: Predictor | None = None


class Predictors:
    """At most `limit` models in memory, each loaded once; while one loads, the others answer."""

    def __init__(self, limit: int = 8) -> None:
        self._limit = limit
        self._places: OrderedDict[Path, _Place] = OrderedDict()
        self._guard = Lock()

    def of(self, path: Path) -> Predictor:
        """The model of this file as it is now: one that was trained again is loaded again. Raises `ModelError`."""
        place = self._place(path)
        with place.lock:
            place.predictor = place.predictor or Predictor(path)  # where that fails, the next who asks tries again
            return place.predictor

    def classify(self, path: Path, pixels: np.ndarray) -> np.ndarray:
        """What the model says: (n, classes) float32. Raises `ModelError`; `ValueError` for images of another size."""
        return self.of(path).probabilities(pixels)

    def _place(self, path: Path) -> _Place:
        stamp = _stamp(path)
        with self._guard:
            place = self._places.pop(path, None)
            if place is None or place.stamp != stamp:
                place = _Place(stamp)
            self._places[path] = place
            while len(self._places) > self._limit:
                self._places.popitem(last=False)
            return place


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0  # loading it says what is wrong
    return found.st_mtime_ns, found.st_size, found.st_ino
