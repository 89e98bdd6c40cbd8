"""What the frozen part of a model says of images: computed once, kept, and taken from there ever after."""

import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from functools import cache

import keras
import numpy as np

from core.data.cache.keys import frozen_feature_rows
from core.data.cache.row_store import Kind
from core.data.cache.run_cache import RunCache
from core.data.datasets.augmentation import AugmentedCopy, augment_batch, copy_for_epoch
from core.experiment.run_config import RunConfig
from core.learning.network.cut_points import CutPoint, cut_point_for
from core.learning.network.frozen_part import FrozenPart, build_frozen_part
from core.learning.network.model import base_of
from core.learning.training.batches import Images, Rows

NOTHING = RunCache()
"""Keeps nothing."""


class FrozenFeatures:
    """Where the batches of a run come from.

    A phase that trains the top n layers starts from the rows at the highest cut below them, and one that trains all of
    them from pixels. One that opens fewer layers than a phase before it starts where that one did: what lies above has
    changed. A pass through the frozen part keeps the rows at the cuts of all phases still to come, and at those below
    that later runs start from. `computed` counts the images that went through it.

    Args:
        later: depths of those runs.
    """

    def __init__(self, config: RunConfig, model: keras.Model, run_cache: RunCache, later: Collection[int] = ()) -> None:
        self._config, self._base, self._run_cache = config, base_of(model), run_cache
        self._cuts = [self._cut_for(depth) for depth in config.strategy.deepest_so_far]
        self._later = [cut for depth in sorted(later) if (cut := self._cut_for(depth))]
        self._trunk = cache(self._build_trunk)
        self._fingerprint = cache(lambda cut: fingerprint(self._base, cut))
        self.computed = 0

    def _cut_for(self, depth: int) -> CutPoint | None:
        return cut_point_for(self._base, depth) if self._config.reuse and self._base is not None else None

    def cut(self, phase: int) -> CutPoint | None:
        """Where phase number `phase` (from 1) starts from; None = from the images."""
        return self._cuts[phase - 1]

    @property
    def lowest(self) -> CutPoint | None:
        """Where a model starts from that all phases have trained: what lies below has never changed."""
        return None if None in self._cuts else min(self._cuts, key=lambda cut: cut.below)

    def training(self, images: Images, phase: int) -> Rows:
        """Rows for training in this phase: of an image's view in that epoch."""
        return self._source(
            images,
            self._still_wanted(phase),
            self._config.kept_precision,
            lambda epoch: copy_for_epoch(self._config, epoch),
        )

    def plain(self, images: Images, phase: int) -> Rows:
        """Rows of images as they are, for validation in this phase."""
        return self._source(images, self._still_wanted(phase), self._config.kept_precision)

    def last(self, images: Images) -> Rows:
        """Rows of images as they are at the lowest cut, as the last phase's validation reads them."""
        return self.plain(images, len(self._cuts))

    def exact(self, images: Images) -> Rows:
        """Rows of images as they are at the lowest cut, in full precision: for the test."""
        return self._source(images, (self.lowest,) if self.lowest else (), "float32")

    def _still_wanted(self, phase: int) -> tuple[CutPoint, ...]:
        """This phase's cut, then those of later phases and runs; none where this phase starts from the images."""
        cut = self.cut(phase)
        if cut is None:
            return ()
        passed = (later for later in self._later if later.below <= cut.below)
        return tuple(dict.fromkeys(filter(None, (cut, *self._cuts[phase:], *passed))))

    def _source(
        self,
        images: Images,
        wanted: tuple[CutPoint, ...],
        precision: str,
        view_in: Callable[[int], AugmentedCopy | None] = lambda epoch: None,
    ) -> Rows:
        def rows(numbers: np.ndarray, epoch: int) -> np.ndarray:
            view, hashes = view_in(epoch), [images.hashes[number] for number in numbers]
            if not wanted:
                return augment_batch(images.pixels[numbers], hashes, view)
            keeps = view is None or self._config.views > 0  # a fresh view never comes again
            run_cache, cuts = (self._run_cache, wanted) if keeps else (NOTHING, wanted[:1])
            kinds = [self._kind(cut, view, precision) for cut in cuts]
            found, here = run_cache.read(kinds[0], hashes)
            if not here.all():
                missing = np.flatnonzero(~here)
                views = augment_batch(images.pixels[numbers[missing]], [hashes[i] for i in missing], view)
                found[missing] = self._compute(views, [hashes[i] for i in missing], cuts, kinds, run_cache)
            return found

        return rows

    def _compute(
        self,
        views: np.ndarray,
        hashes: Sequence[str],
        cuts: tuple[CutPoint, ...],
        kinds: Sequence[Kind],
        run_cache: RunCache,
    ) -> np.ndarray:
        """Rows at the first of the cuts, rounded as they are stored; those at all of them are kept."""
        began = time.perf_counter()
        found = [rows.astype(kind.dtype) for rows, kind in zip(self._trunk(cuts)(views), kinds, strict=True)]
        seconds = time.perf_counter() - began
        for kind, rows in zip(kinds, found, strict=True):
            run_cache.write(kind, hashes, rows, seconds)
        self.computed += len(hashes)
        return found[0]

    def _kind(self, cut: CutPoint, view: AugmentedCopy | None, precision: str) -> Kind:
        return frozen_feature_rows(
            cut.name, cut.shape, self._fingerprint(cut), self._config.image_size, view, precision
        )

    def _build_trunk(self, wanted: tuple[CutPoint, ...]) -> FrozenPart:
        return build_frozen_part(self._base, wanted, self._config.batch_size)


def fingerprint(base: keras.Model, cut: CutPoint) -> str:
    """SHA-256 of all weights below the cut: whatever file they came from, and whatever trains above."""
    digest = hashlib.sha256()
    for layer in base.layers[: cut.below]:
        for weight in layer.get_weights():
            digest.update(weight.tobytes())
    return digest.hexdigest()
