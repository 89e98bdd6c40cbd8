"""What the frozen part of a model says of images: computed once, kept, and taken from there ever after."""

import hashlib
import time
from collections.abc import Sequence
from functools import cache

import keras
import numpy as np

from core.data.keeper import Keeper
from core.data.shelf import Kind
from core.data.views import PLAIN, describe, make_views, view_of, view_seed
from core.experiment.run import RunConfig
from core.learning.cuts import Cut, cut_for
from core.learning.data import Images, Rows
from core.learning.model import base_of
from core.learning.trunk import Trunk, build_trunk


class Activations:
    """Where the batches of a run come from.

    A phase that trains the top n layers starts from the rows at the highest cut below them, and one that trains all of
    them from pixels. A pass through the frozen part keeps the rows at the cuts of all phases still to come. `computed`
    counts the images that went through it.
    """

    def __init__(self, config: RunConfig, model: keras.Model, keeper: Keeper) -> None:
        self._config, self._base, self._keeper = config, base_of(model), keeper
        self._cuts = [cut_for(self._base, phase.unfreeze) if config.reuse else None
                      for phase in config.strategy.phases]
        self._trunk = cache(self._build_trunk)
        self._fingerprint = cache(self._hash_weights)
        self.computed = 0

    def cut(self, phase: int) -> Cut | None:
        """Where phase number `phase` (from 1) starts from; None = from the images."""
        return self._cuts[phase - 1]

    @property
    def lowest(self) -> Cut | None:
        """Where a model starts from that all phases have trained: what lies below has never changed."""
        return None if None in self._cuts else min(self._cuts, key=lambda cut: cut.below)

    def training(self, images: Images, phase: int) -> Rows:
        """Rows for training in this phase: of an image's view in that epoch."""
        wanted = self._still_wanted(phase)
        seed = view_seed(self._config)
        return lambda numbers, epoch: self._rows(images, numbers, wanted, view_of(self._config, epoch), seed,
                                                 self._config.kept_precision)

    def plain(self, images: Images, phase: int) -> Rows:
        """Rows of images as they are, for validation in this phase."""
        wanted = self._still_wanted(phase)
        return lambda numbers, epoch: self._rows(images, numbers, wanted, PLAIN, 0, self._config.kept_precision)

    def exact(self, images: Images) -> Rows:
        """Rows of images as they are at the lowest cut, in full precision: for the test."""
        wanted = self.lowest and (self.lowest,)
        return lambda numbers, epoch: self._rows(images, numbers, wanted, PLAIN, 0, "float32")

    def _still_wanted(self, phase: int) -> tuple[Cut, ...] | None:
        """This phase's cut, then those of later phases."""
        cut = self.cut(phase)
        later = [other for other in self._cuts[phase:] if other and other != cut]
        return cut and (cut, *dict.fromkeys(later))

    def _rows(self, images: Images, numbers: np.ndarray, wanted: tuple[Cut, ...] | None, view: int, seed: int,
              precision: str) -> np.ndarray:
        hashes = [images.hashes[number] for number in numbers]
        if wanted is None:
            return make_views(images.pixels[numbers], hashes, self._config.augmentation, view, seed)
        kinds = [self._kind(cut, view, seed, precision) for cut in wanted]
        rows, here = self._keeper.take(kinds[0], hashes)
        missing = np.flatnonzero(~here)
        if len(missing):
            rows[missing] = self._compute(images, numbers[missing], wanted, kinds, view, seed)
        return rows

    def _compute(self, images: Images, numbers: np.ndarray, wanted: tuple[Cut, ...], kinds: Sequence[Kind], view: int,
                 seed: int) -> np.ndarray:
        """Rows at the first of the wanted cuts, as they are stored; those at all of them are kept."""
        hashes = [images.hashes[number] for number in numbers]
        pixels = images.pixels[numbers]
        began = time.perf_counter()
        views = make_views(pixels, hashes, self._config.augmentation, view, seed)
        found = [rows.astype(kind.dtype) for rows, kind in zip(self._trunk(wanted)(views), kinds, strict=True)]
        seconds = time.perf_counter() - began
        for kind, rows in zip(kinds, found, strict=True):
            self._keeper.put(kind, hashes, rows, seconds)
        self.computed += len(numbers)
        return found[0]

    def _kind(self, cut: Cut, view: int, seed: int, precision: str) -> Kind:
        made = {"weights": self._fingerprint(cut), "size": self._config.image_size, "cut": cut.name}
        return Kind(f"activations at {cut.name}", cut.shape, precision,
                    made | describe(self._config.augmentation, view, seed))

    def _build_trunk(self, wanted: tuple[Cut, ...]) -> Trunk:
        return build_trunk(self._base, wanted, self._config.batch_size)

    def _hash_weights(self, cut: Cut) -> str:
        """Of all weights below the cut: whatever file they came from, and whatever trains above."""
        digest = hashlib.sha256()
        for layer in self._base.layers[:cut.below]:
            for weight in layer.get_weights():
                digest.update(weight.tobytes())
        return digest.hexdigest()
