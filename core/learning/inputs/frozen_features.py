"""Features of the frozen layers of a model: each computed once, cached, and read from the cache afterwards."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import cache, cached_property

import numpy as np

from core.data.cache.keys import frozen_feature_rows
from core.data.cache.row_store import Kind
from core.data.cache.run_cache import RunCache
from core.data.datasets.augmentation import AugmentedCopy, augment_batch, copy_for_epoch, copy_recurs
from core.experiment.run_config import RunConfig
from core.learning.inputs.training_data import Images, InputLoader
from core.learning.network.cut_points import CutPoint
from core.learning.network.engines.bf16 import CHECKED_IMAGES, Bf16
from core.learning.network.engines.engine import FrozenPart
from core.learning.network.run_network import RunNetwork

_NO_CACHE = RunCache()

_COMPUTING = threading.Lock()
"""Runs that train at the same time in one process compute features in turn, so that none is computed twice."""


class FrozenFeatures:
    """Loads the inputs of the layers that train: cached features of the frozen layers, or images.

    A phase that trains the top n layers starts from the features at the highest cut point below them; a phase that
    trains all layers starts from the images. A phase that trains fewer layers than an earlier one starts at the earlier
    one's cut point, because the earlier phase changed the layers above it. One pass through the frozen part caches the
    features at the cut points of all remaining phases, and at those of later runs that it passes on its way up.
    `images_computed` counts the images that went through the frozen part.

    Args:
        later_depths: how many layers the later runs of the study unfreeze.
        bf16: decides whether training features are computed in bfloat16; None = exactly.
    """

    def __init__(
        self,
        config: RunConfig,
        network: RunNetwork,
        run_cache: RunCache,
        later_depths: Collection[int] = (),
        bf16: Bf16 | None = None,
    ) -> None:
        self._config, self._network, self._run_cache = config, network, run_cache
        self._depths, self._later_depths = config.counted_strategy.cumulative_max_depths, sorted(later_depths)
        self._cut_point_at = cache(network.cut_point)
        self._frozen_part = cache(self._build_frozen_part)
        self._fingerprint = cache(network.fingerprint)
        self.images_computed = 0
        self._bf16, self._is_in_bf16 = bf16, False

    def cut_point(self, phase: int) -> CutPoint | None:
        """Return the cut point from which phase number `phase` (from 1) starts; None = from the images."""
        return self._cut_point_at(self._depths[phase - 1])

    @cached_property
    def lowest_cut_point(self) -> CutPoint | None:
        """The lowest cut point of all phases: layers below it never change. None if a phase starts from the images."""
        return self.cut_point(len(self._depths))

    def training_inputs(self, images: Images, phase: int) -> InputLoader:
        """Inputs of training in this phase: the augmented copy of each image that the epoch uses."""
        precision = self._config.kept_precision
        self._is_in_bf16 = self._bf16 is not None and self._is_close(self._bf16, images)
        return self._loader(
            images, phase, precision, lambda epoch: copy_for_epoch(self._config, epoch), self._is_in_bf16
        )

    def validation_inputs(self, images: Images, phase: int) -> InputLoader:
        """Inputs of validation in this phase: the unchanged images, computed as those of training."""
        return self._loader(images, phase, self._config.kept_precision, in_bf16=self._is_in_bf16)

    def last_validation_inputs(self, images: Images) -> InputLoader:
        """Exact inputs of validation in the last phase, whose cut point is the lowest."""
        return self._loader(images, len(self._depths), self._config.kept_precision)

    def test_inputs(self, images: Images) -> InputLoader:
        """Inputs of the test: the unchanged images, at the lowest cut point, in full precision."""
        return self._loader(images, len(self._depths), "float32")

    def _cut_points_to_compute(self, phase: int) -> tuple[CutPoint, ...]:
        """Return this phase's cut point, then those of later phases and runs that the same pass can compute."""
        first = self.cut_point(phase)
        assert first is not None  # otherwise the phase starts from the images
        if not self._config.reuse:
            return (first,)
        later = map(self._cut_point_at, self._depths[phase:])
        of_later_runs = filter(None, map(self._cut_point_at, self._later_depths))
        passed = (cut for cut in of_later_runs if cut.layers_below <= first.layers_below)
        return tuple(dict.fromkeys(filter(None, (first, *later, *passed))))

    def _loader(
        self,
        images: Images,
        phase: int,
        precision: str,
        copy_for: Callable[[int], AugmentedCopy | None] = lambda epoch: None,
        in_bf16: bool = False,
    ) -> InputLoader:
        """Load the features at the cut point of a phase; compute and cache missing ones, and those of later phases."""
        cut_point = self.cut_point(phase)

        def load(numbers: np.ndarray, epoch: int) -> np.ndarray:
            copy, hashes = copy_for(epoch), [images.hashes[number] for number in numbers]
            if cut_point is None:
                return augment_batch(images.pixels[numbers], hashes, copy)
            recurs = copy_recurs(self._config, copy)
            run_cache = self._run_cache if recurs else _NO_CACHE
            kind = self._kind(cut_point, copy, precision, in_bf16)
            features, found = run_cache.read(kind, hashes)
            if not found.all():
                missing = np.flatnonzero(~found)
                targets = self._cut_points_to_compute(phase) if recurs else (cut_point,)
                kinds = [self._kind(target, copy, precision, in_bf16) for target in targets]
                features[missing] = self._complete(images, numbers[missing], copy, targets, kinds, run_cache, in_bf16)
            return features

        return load

    def _complete(
        self,
        images: Images,
        numbers: np.ndarray,
        copy: AugmentedCopy | None,
        cut_points: tuple[CutPoint, ...],
        kinds: Sequence[Kind],
        run_cache: RunCache,
        in_bf16: bool,
    ) -> np.ndarray:
        """Return the features of these images at the first cut point; compute those that no other run has cached."""
        hashes = [images.hashes[number] for number in numbers]
        with _COMPUTING:
            features, found = run_cache.read(kinds[0], hashes)
            missing = np.flatnonzero(~found)
            if len(missing):
                missing_hashes = [hashes[i] for i in missing]
                pixels = augment_batch(images.pixels[numbers[missing]], missing_hashes, copy)
                features[missing] = self._compute(pixels, missing_hashes, cut_points, kinds, run_cache, in_bf16)
        return features

    def _compute(
        self,
        pixels: np.ndarray,
        hashes: Sequence[str],
        cut_points: tuple[CutPoint, ...],
        kinds: Sequence[Kind],
        run_cache: RunCache,
        in_bf16: bool,
    ) -> np.ndarray:
        """Compute and cache the features at all cut points; return those at the first, in their cached precision."""
        began = time.perf_counter()
        outputs = self._frozen_part(cut_points, in_bf16)(pixels)
        computed = [features.astype(kind.dtype) for features, kind in zip(outputs, kinds, strict=True)]
        seconds = time.perf_counter() - began
        for kind, features in zip(kinds, computed, strict=True):
            run_cache.write(kind, hashes, features, seconds)
        self.images_computed += len(hashes)
        return computed[0]

    def _kind(self, cut_point: CutPoint, copy: AugmentedCopy | None, precision: str, in_bf16: bool) -> Kind:
        weights, size = self._fingerprint(cut_point), self._config.image_size
        return frozen_feature_rows(cut_point.name, cut_point.shape, weights, size, copy, precision, in_bf16)

    def _build_frozen_part(self, cut_points: tuple[CutPoint, ...], in_bf16: bool) -> FrozenPart:
        preferred = self._bf16.engine if self._bf16 and in_bf16 else None
        return self._network.build_frozen_part(cut_points, preferred)

    def _is_close(self, bf16: Bf16, training: Images) -> bool:
        """Whether features of some training images in bfloat16 are close enough to the exact ones."""
        phases = range(1, len(self._depths) + 1)
        cut_points = tuple(dict.fromkeys(filter(None, map(self.cut_point, phases))))
        if not cut_points:
            return False
        fingerprints = [self._fingerprint(cut_point) for cut_point in cut_points]
        some = np.unique(np.linspace(0, len(training) - 1, CHECKED_IMAGES).astype(int))
        return bf16.is_close(
            [*fingerprints, *(cut_point.name for cut_point in cut_points), self._config.image_size, self._config.data],
            lambda: self._frozen_part(cut_points, False),
            lambda: self._network.build_frozen_part_with(cut_points, bf16.engine),
            lambda: training.pixels[some],
        )
