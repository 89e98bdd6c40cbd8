"""A model whose base never trains, built once per process for all runs that train only heads on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


class SharedModel:
    """Builds a model, and functions made from it, when they are first needed. Several threads may use it at once.

    Hold `lock` while you change the model's head.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._built: dict[Hashable, Any] = {}

    @property
    def is_built(self) -> bool:
        return "model" in self._built

    def model(self, build: Callable[[], keras.Model]) -> keras.Model:
        """Return the model; `build` makes it."""
        return self.once("model", build)

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` returned at the first call with this key."""
        with self.lock:
            if key not in self._built:
                self._built[key] = make()
            return self._built[key]


_LOCK = threading.Lock()
_SHARED: dict[Hashable, SharedModel] = {}


def shared_model(key: Hashable) -> SharedModel:
    """Return the shared model for this key; of several keys only the last one is kept, to save memory."""
    with _LOCK:
        if key not in _SHARED:
            _SHARED.clear()
            _SHARED[key] = SharedModel()
        return _SHARED[key]
