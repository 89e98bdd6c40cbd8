"""Find the engine that computes a graph fastest on this machine, among those that compute it exactly.

Which engine is faster depends on the processor and on the network, so they are measured: briefly, on random images,
once per graph. An engine counts only if its features equal those of the first one.
"""

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.learning.network.engines.engine import CORES, Engine, FrozenPart, OpenedGraph, with_batch_size
from core.learning.network.engines.onnx_engine import ONNX_RUNTIME
from core.learning.network.engines.openvino_engine import OPENVINO
from core.learning.network.engines.probe_store import ProbeStore

_LOG = logging.getLogger(__name__)

EXACT_ENGINES = (ONNX_RUNTIME, OPENVINO)
"""The exact engines of a CPU; the others are compared with the first."""

TOLERANCE = 2e-5
"""Largest difference between the features of two engines, as a fraction of the largest feature."""

_ROUND_SECONDS = 0.06
"""Time that the first engine takes for the images of a round."""

_ROUNDS = 2
_ENOUGH_SECONDS = 0.7
"""No further round begins after this time, such as on a machine that is busy."""

_MAX_IMAGES = 32
"""A usual training batch, which is computed in one call."""


def find_fastest(
    graph: bytes, size: int, first: OpenedGraph, store: ProbeStore, engines: Sequence[Engine] = EXACT_ENGINES
) -> FrozenPart:
    """Return the fastest engine of a graph with its best batch size, as measured earlier or now.

    Args:
        graph: of `to_onnx`.
        size: side of its images in pixels.
        first: the graph as the first of the engines has opened it. It is used if something goes wrong.
    """
    usable = [engine for engine in engines if engine is engines[0] or engine.is_installed]
    probe = _Probe(graph, size, usable, store, {usable[0].name: first})
    try:
        return probe.fastest()
    except Exception as error:  # libraries raise errors of any type
        _LOG.warning("%s computes the frozen layers: %s", usable[0].name, error)
        return with_batch_size(first, usable[0].batch_sizes[0])


def are_equal(features: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> bool:
    """Whether the features at all cut points agree within the tolerance."""
    return len(features) == len(expected) and all(
        a.shape == b.shape and np.abs(a - b).max(initial=0) <= TOLERANCE * np.abs(b).max(initial=0)
        for a, b in zip(features, expected, strict=True)
    )


@dataclass
class _Probe:
    """The search for the fastest engine of one graph; `opened` holds the graph as each engine has opened it."""

    graph: bytes
    size: int
    engines: Sequence[Engine]
    store: ProbeStore
    opened: dict[str, OpenedGraph]
    began: float = field(default_factory=time.perf_counter)

    def fastest(self) -> FrozenPart:
        subject = (hashlib.sha256(self.graph).hexdigest(), self.size)
        with self.store.locked():
            engine, batch_size = self._kept(subject) or self._measured(subject)
        if engine.name not in self.opened:
            self.opened[engine.name] = engine.open(self.graph)
        return with_batch_size(self.opened[engine.name], batch_size)

    def _kept(self, subject: Sequence[object]) -> tuple[Engine, int] | None:
        """Return the result of an earlier probe; None if there is none that names one of the engines."""
        result = self.store.load(subject, self.engines)
        choices = ((engine, size) for engine in self.engines for size in engine.batch_sizes)
        return next((choice for choice in choices if _as_json(*choice) == result), None)

    def _measured(self, subject: Sequence[object]) -> tuple[Engine, int]:
        pixels = self._images()
        expected = self.opened[self.engines[0].name](pixels, self.engines[0].batch_sizes[0])
        for engine in self.engines[1:]:
            self._open_if_equal(engine, pixels, expected)
        seconds = self._measure(pixels)
        rates = {f"{engine.name}, batches of {size}": round(len(pixels) / s) for (engine, size), s in seconds.items()}
        _LOG.info("Images per second of the frozen layers: %s", rates)
        best = min(seconds, key=lambda choice: seconds[choice])
        self.store.save(subject, self.engines, _as_json(*best))
        return best

    def _images(self) -> np.ndarray:
        """Draw as many random images as the first engine computes in a round, but enough for all cores."""
        shape, random = (self.size, self.size, 3), np.random.default_rng(0)
        pixels = random.integers(0, 256, (max(CORES, _MAX_IMAGES), *shape), np.uint8)
        began = time.perf_counter()
        self.opened[self.engines[0].name](pixels[:CORES], 1)
        images = CORES * _ROUND_SECONDS / (time.perf_counter() - began)
        return pixels[: max(CORES, min(_MAX_IMAGES, round(images)))]

    def _open_if_equal(self, engine: Engine, pixels: np.ndarray, expected: Sequence[np.ndarray]) -> None:
        """Open the graph with this engine, unless that fails, has ended a process before, or gives other features."""
        if self.store.has_crashed(engine):
            return
        try:
            with self.store.marked(engine):
                opened = engine.open(self.graph)
                features = opened(pixels, engine.batch_sizes[0])
            if not are_equal(features, expected):
                raise ValueError(f"expected features equal to those of {self.engines[0].name}; received others")
            self.opened[engine.name] = opened
        except Exception as error:  # libraries raise errors of any type
            _LOG.warning("%s is not used: %s", engine.name, error)

    def _measure(self, pixels: np.ndarray) -> dict[tuple[Engine, int], float]:
        """Measure the seconds of each engine and batch size, all in turn; other work only adds to the least time."""
        seconds: dict[tuple[Engine, int], float] = {}
        for number in range(_ROUNDS):
            if number and time.perf_counter() - self.began > _ENOUGH_SECONDS:
                break
            for engine in (engine for engine in self.engines if engine.name in self.opened):
                for size in engine.batch_sizes:
                    began = time.perf_counter()
                    self.opened[engine.name](pixels, size)
                    spent = time.perf_counter() - began
                    seconds[engine, size] = min(spent, seconds.get((engine, size), spent))
        return seconds


def _as_json(engine: Engine, batch_size: int) -> dict[str, str | int]:
    return {"engine": engine.name, "batch size": batch_size}
