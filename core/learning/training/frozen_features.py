"""What the frozen part of a model says of images: computed once, kept, and taken from there ever after."""

import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from functools import cache

import keras
import numpy as np

from core.data.cache.keys import activations_at
from core.data.cache.row_store import Kind
from core.data.cache.run_cache import Keeper
from core.data.datasets.augmentation import View, make_views, view_of
from core.experiment.run import RunConfig
from core.learning.network.cut_points import Cut, cut_for
from core.learning.network.frozen_part import Trunk, build_trunk
from core.learning.network.model import base_of
from core.learning.training.batches import Images, Rows

NOTHING = Keeper()
"""Keeps nothing."""


class Activations:
    """Where the batches of a run come from.

    A phase that trains the top n layers starts from the rows at the highest cut below them, and one that trains all of
    them from pixels. One that opens fewer layers than a phase before it starts where that one did: what lies above has
    changed. A pass through the frozen part keeps the rows at the cuts of all phases still to come, and at those below
    that later runs start from. `computed` counts the images that went through it.

    Args:
        later: depths of those runs.
    """

    def __init__(self, config: RunConfig, model: keras.Model, keeper: Keeper, later: Collection[int] = ()) -> None:
        self._config, self._base, self._keeper = config, base_of(model), keeper
        self._cuts = [self._cut_for(depth) for depth in config.strategy.deepest_so_far]
        self._later = [cut for depth in sorted(later) if (cut := self._cut_for(depth))]
        self._trunk = cache(self._build_trunk)
        self._fingerprint = cache(lambda cut: fingerprint(self._base, cut))
        self.computed = 0

    def _cut_for(self, depth: int) -> Cut | None:
        return cut_for(self._base, depth) if self._config.reuse and self._base is not None else None

    def cut(self, phase: int) -> Cut | None:
        """Where phase number `phase` (from 1) starts from; None = from the images."""
        return self._cuts[phase - 1]

    @property
    def lowest(self) -> Cut | None:
        """Where a model starts from that all phases have trained: what lies below has never changed."""
        return None if None in self._cuts else min(self._cuts, key=lambda cut: cut.below)

    def training(self, images: Images, phase: int) -> Rows:
        """Rows for training in this phase: of an image's view in that epoch."""
        return self._source(
            images, self._still_wanted(phase), self._config.kept_precision, lambda epoch: view_of(self._config, epoch)
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

    def _still_wanted(self, phase: int) -> tuple[Cut, ...]:
        """This phase's cut, then those of later phases and runs; none where this phase starts from the images."""
        cut = self.cut(phase)
        if cut is None:
            return ()
        passed = (later for later in self._later if later.below <= cut.below)
        return tuple(dict.fromkeys(filter(None, (cut, *self._cuts[phase:], *passed))))

    def _source(
        self,
        images: Images,
        wanted: tuple[Cut, ...],
        precision: str,
        view_in: Callable[[int], View | None] = lambda epoch: None,
    ) -> Rows:
        def rows(numbers: np.ndarray, epoch: int) -> np.ndarray:
            view, hashes = view_in(epoch), [images.hashes[number] for number in numbers]
            if not wanted:
                return make_views(images.pixels[numbers], hashes, view)
            keeps = view is None or self._config.views > 0  # a fresh view never comes again
            keeper, cuts = (self._keeper, wanted) if keeps else (NOTHING, wanted[:1])
            kinds = [self._kind(cut, view, precision) for cut in cuts]
            found, here = keeper.take(kinds[0], hashes)
            if not here.all():
                missing = np.flatnonzero(~here)
                views = make_views(images.pixels[numbers[missing]], [hashes[i] for i in missing], view)
                found[missing] = self._compute(views, [hashes[i] for i in missing], cuts, kinds, keeper)
            return found

        return rows

    def _compute(
        self, views: np.ndarray, hashes: Sequence[str], cuts: tuple[Cut, ...], kinds: Sequence[Kind], keeper: Keeper
    ) -> np.ndarray:
        """Rows at the first of the cuts, rounded as they are stored; those at all of them are kept."""
        began = time.perf_counter()
        found = [rows.astype(kind.dtype) for rows, kind in zip(self._trunk(cuts)(views), kinds, strict=True)]
        seconds = time.perf_counter() - began
        for kind, rows in zip(kinds, found, strict=True):
            keeper.put(kind, hashes, rows, seconds)
        self.computed += len(hashes)
        return found[0]

    def _kind(self, cut: Cut, view: View | None, precision: str) -> Kind:
        return activations_at(cut.name, cut.shape, self._fingerprint(cut), self._config.image_size, view, precision)

    def _build_trunk(self, wanted: tuple[Cut, ...]) -> Trunk:
        return build_trunk(self._base, wanted, self._config.batch_size)


def fingerprint(base: keras.Model, cut: Cut) -> str:
    """SHA-256 of all weights below the cut: whatever file they came from, and whatever trains above."""
    digest = hashlib.sha256()
    for layer in base.layers[: cut.below]:
        for weight in layer.get_weights():
            digest.update(weight.tobytes())
    return digest.hexdigest()
