"""The models that were asked last, kept in memory and shared by whoever asks."""

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

RESERVE, FEW = 1024**3, 3
"""With fewer bytes of memory available so few models stay: those of a study, which are asked in turn."""


@dataclass
class _Place:
    """A model's place, taken before the model is there: who loads it holds the lock, and who wants it waits for it."""

    stamp: Stamp
    lock: Lock = field(default_factory=Lock)
    predictor: Predictor | None = None


class Predictors:
    """At most `limit` models in memory, each loaded once; while one loads, the others answer.

    When less than `RESERVE` is available, the `FEW` asked last stay.
    """

    def __init__(self, limit: int = 8, available: Callable[[], int] = available_memory) -> None:
        self._limit, self._available = limit, available
        self._places: OrderedDict[Path, _Place] = OrderedDict()
        self._guard = Lock()

    def of(self, path: Path) -> Predictor:
        """The model of this file as it is now: one that was trained again is loaded again. Raises `ModelError`."""
        place = self._place(path)
        with place.lock:
            place.predictor = place.predictor or Predictor(path)  # where that fails, the next who asks tries again
            return place.predictor

    def predict(self, path: Path, pixels: np.ndarray) -> ModelOutput:
        """What the model sees in images. Raises `ModelError`; `ValueError` for images of another size."""
        return self.of(path).predict(pixels)

    def _place(self, path: Path) -> _Place:
        stamp = _stamp(path)
        with self._guard:
            place = self._places.pop(path, None)
            if place is None or place.stamp != stamp:
                place = _Place(stamp)
            self._places[path] = place
            while len(self._places) > (FEW if self._available() < RESERVE else self._limit):
                self._places.popitem(last=False)
            return place


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0  # loading it says what is wrong
    return found.st_mtime_ns, found.st_size, found.st_ino
