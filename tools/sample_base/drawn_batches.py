"""Training batches for the sample base: images drawn from the source world, with their targets."""

import math
import os
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

import numpy as np

from tools.sample_base import colours_and_edges
from tools.sample_base.source_world import FINISHES, OUTLINES, SURFACES, draw_batch

CLASS_COUNTS: Final = {
    "outlines": len(OUTLINES),
    "surfaces": len(SURFACES),
    "finishes": len(FINISHES),
    "grounds": len(SURFACES),
}
"""Number of classes of each classification target."""
MEASURES: Final = {"colours": colours_and_edges.colours, "edges": colours_and_edges.edges}
"""Functions that compute the regression targets from the pixels."""
STATISTICS_IMAGES: Final = 512
"""Number of images from which the statistics of the regression targets and of the final features are computed."""
_PREFETCH = 8
"""Number of batches drawn in advance during training."""

Targets = dict[str, np.ndarray]
Batch = tuple[np.ndarray, Targets]
DrawnBatch = tuple[np.ndarray, list[Targets]]
"""Images as drawn, and their targets for each pass."""
Statistics = dict[str, tuple[np.ndarray, np.ndarray]]
"""Mean and standard deviation of each regression target."""


@dataclass(frozen=True)
class Recipe:
    """Settings of the pretraining.

    An epoch draws `images` new images and trains on them `passes` times, rotated by 90 degrees after each pass. The
    images of the first `share_small` of the epochs have `small_size` pixels per side, the others `size`, at which
    training takes twice as long.
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
    """Loss weight of each classification target."""
    weight_measured: float = 1.0
    """Loss weight of each regression target."""
    seed: int = 0

    @property
    def drawn_batches(self) -> int:
        """Number of batches drawn per epoch."""
        return math.ceil(self.images / self.batch_size)

    @property
    def steps_per_epoch(self) -> int:
        """Number of training steps per epoch."""
        return self.passes * self.drawn_batches

    def image_size(self, epoch: int) -> int:
        """Return the image size in an epoch, counted from 0."""
        return self.small_size if epoch < self.share_small * self.epochs else self.size


def measure_statistics(recipe: Recipe) -> Statistics:
    """Compute the statistics of the regression targets on images that are not used for training.

    A small constant is added to each standard deviation, so that nearly constant targets are not amplified.
    """
    targets = _measure(draw_batch((recipe.seed,), STATISTICS_IMAGES, recipe.small_size).pixels)
    deviations = {name: values.std(0) for name, values in targets.items()}
    return {
        name: (values.mean(0), deviations[name] + 0.05 * deviations[name].mean()) for name, values in targets.items()
    }


def batches(recipe: Recipe, statistics: Statistics, epochs_done: int, processes: int) -> Generator[Batch, None, None]:
    """Yield the batches of all remaining epochs: all images of an epoch, then again rotated, once per pass.

    Pixels are uint8 (images, size, size, 3); classification targets are class indices, regression targets are
    standardised. Images are drawn by this number of `processes` until the iterator is closed.
    """
    with ProcessPoolExecutor(processes, get_context("spawn"), _use_one_core) as pool:
        drawn = _drawn_batches(pool, recipe, epochs_done)
        for _ in range(epochs_done, recipe.epochs):
            for pixels, targets in _epoch(drawn, recipe):
                standardised = {name: (targets[name] - mean) / std for name, (mean, std) in statistics.items()}
                yield pixels, targets | standardised


def _epoch(drawn: Iterator[DrawnBatch], recipe: Recipe) -> Iterator[Batch]:
    epoch: list[DrawnBatch] = []
    for step in range(recipe.steps_per_epoch):
        if step < recipe.drawn_batches:
            epoch.append(next(drawn))
        (pixels, targets), turns = epoch[step % recipe.drawn_batches], step // recipe.drawn_batches
        yield np.rot90(pixels, turns, (1, 2)), targets[turns]


def _drawn_batches(pool: ProcessPoolExecutor, recipe: Recipe, epochs_done: int) -> Iterator[DrawnBatch]:
    """Draw the batches of the remaining epochs, some in advance; each batch has a separate seed."""
    pending = deque[Future[DrawnBatch]]()
    for number in range(epochs_done * recipe.drawn_batches, recipe.epochs * recipe.drawn_batches):
        pending.append(pool.submit(_draw, recipe, number))
        if len(pending) > _PREFETCH:
            yield pending.popleft().result()
    for future in pending:
        yield future.result()


def _draw(recipe: Recipe, number: int) -> DrawnBatch:
    """Draw a batch of images; regression targets are computed for each rotation, class labels do not depend on it."""
    images = draw_batch((recipe.seed, number), recipe.batch_size, recipe.image_size(number // recipe.drawn_batches))
    labels: Targets = {name: getattr(images, name) for name in CLASS_COUNTS}
    return images.pixels, [labels | _measure(np.rot90(images.pixels, turns, (1, 2))) for turns in range(recipe.passes)]


def _measure(pixels: np.ndarray) -> Targets:
    return {name: measure(pixels) for name, measure in MEASURES.items()}


def _use_one_core() -> None:
    """Limit a drawing process to one core and lower its priority."""
    import cv2

    cv2.setNumThreads(1)
    if hasattr(os, "nice"):
        os.nice(5)
