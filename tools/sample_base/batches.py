"""What a base sees while it learns: drawn pictures of the source world in batches, and what is true of them."""

import math
import os
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

import numpy as np

from tools.sample_base import colours_and_edges as looks
from tools.sample_base.source_world import FINISHES, OUTLINES, SURFACES, draw_batch

NAMED: Final = {
    "outlines": len(OUTLINES),
    "surfaces": len(SURFACES),
    "finishes": len(FINISHES),
    "grounds": len(SURFACES),
}
"""How many names there are for each thing that is named."""
MEASURED: Final = {"colours": looks.colours, "edges": looks.edges}
STANDARD: Final = 512
"""Pictures of which the spread of each measured number, and the strength of each feature, is taken."""
_AHEAD = 8
"""Batches that are drawn while one trains."""

Answers = dict[str, np.ndarray]
Batch = tuple[np.ndarray, Answers]
Passes = tuple[np.ndarray, list[Answers]]
"""Pictures as they were drawn, and the answers for each pass over them."""
Standards = dict[str, tuple[np.ndarray, np.ndarray]]
"""Mean and spread of each measured number."""


@dataclass(frozen=True)
class Recipe:
    """How the base is trained; an epoch is so many new pictures, each seen in some passes, turned otherwise in each.

    The first `share_small` of the epochs are on pictures of `small_size`, the others of `size`, which take twice as
    long.
    """

    epochs: int = 40
    images: int = 8_000
    passes: int = 3
    batch_size: int = 128
    size: int = 96
    small_size: int = 64
    share_small: float = 0.7
    alpha: float = 0.35
    rate: float = 3e-3
    decay: float = 1e-4
    smoothing: float = 0.1
    weight_named: float = 0.2
    weight_measured: float = 1.0
    seed: int = 0

    @property
    def drawn(self) -> int:
        """Batches that are drawn for an epoch."""
        return math.ceil(self.images / self.batch_size)

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return self.passes * self.drawn

    def size_at(self, epoch: int) -> int:
        """Of the pictures of an epoch, counted from 0."""
        return self.small_size if epoch < self.share_small * self.epochs else self.size


def take_standards(recipe: Recipe) -> Standards:
    """Of pictures that no epoch shows. A number that hardly varies is not blown up."""
    found = _measured(draw_batch((recipe.seed,), STANDARD, recipe.small_size).pixels)
    spreads = {name: values.std(0) for name, values in found.items()}
    return {name: (values.mean(0), spreads[name] + 0.05 * spreads[name].mean()) for name, values in found.items()}


def lessons(recipe: Recipe, standards: Standards, done: int, processes: int) -> Generator[Batch, None, None]:
    """All batches after so many epochs: every picture of an epoch, then all of them again, turned by a right angle.

    Pixels are uint8 (images, size, size, 3); names are numbers of classes, measured ones in units of their spread.
    So many `processes` draw until the iterator is closed.
    """
    with ProcessPoolExecutor(processes, get_context("spawn"), _draw_on_one_core) as pool:
        drawn = _drawn(pool, recipe, done)
        for _ in range(done, recipe.epochs):
            for pixels, answers in _epoch(drawn, recipe):
                yield (
                    pixels,
                    answers | {name: (answers[name] - mean) / spread for name, (mean, spread) in standards.items()},
                )


def _epoch(drawn: Iterator[Passes], recipe: Recipe) -> Iterator[Batch]:
    kept: list[Passes] = []
    for number in range(recipe.steps):
        if number < recipe.drawn:
            kept.append(next(drawn))
        (pixels, passes), turns = kept[number % recipe.drawn], number // recipe.drawn
        yield np.rot90(pixels, turns, (1, 2)), passes[turns]


def _drawn(pool: ProcessPoolExecutor, recipe: Recipe, done: int) -> Iterator[Passes]:
    """From the first batch of an epoch on, always some ahead; each is drawn from its own seed."""
    ahead = deque[Future[Passes]]()
    for number in range(done * recipe.drawn, recipe.epochs * recipe.drawn):
        ahead.append(pool.submit(_draw, recipe, number))
        if len(ahead) > _AHEAD:
            yield ahead.popleft().result()
    for last in ahead:
        yield last.result()


def _draw(recipe: Recipe, number: int) -> Passes:
    """A batch of pictures, and what is true of them at each turn: their names at all, their looks at this one."""
    drawn = draw_batch((recipe.seed, number), recipe.batch_size, recipe.size_at(number // recipe.drawn))
    names = {name: getattr(drawn, name) for name in NAMED}
    return drawn.pixels, [names | _measured(np.rot90(drawn.pixels, turns, (1, 2))) for turns in range(recipe.passes)]


def _measured(pixels: np.ndarray) -> Answers:
    return {name: measure(pixels) for name, measure in MEASURED.items()}


def _draw_on_one_core() -> None:
    import cv2

    cv2.setNumThreads(1)
    if hasattr(os, "nice"):
        os.nice(5)
