"""Features of the frozen layers of a model: each computed once, cached, and read from the cache afterwards."""

import hashlib
import math
import time
from collections.abc import Callable, Collection, Sequence
from functools import cache

import keras
import numpy as np

from core.backbones.registry import DEFAULT_BASE
from core.data.cache.keys import frozen_feature_rows
from core.data.cache.row_store import Kind
from core.data.cache.run_cache import RunCache
from core.data.datasets.augmentation import AugmentedCopy, augment_batch, copy_for_epoch, copy_recurs
from core.experiment.run_config import RunConfig
from core.learning.network.cut_points import CutPoint, cut_point_for
from core.learning.network.engines.bf16 import CHECKED_IMAGES, Bf16
from core.learning.network.engines.engine import FrozenPart
from core.learning.network.frozen_part import FEW_IMAGES, build_frozen_part, build_with, prefer
from core.learning.network.model import base_of
from core.learning.training.batches import Images, InputLoader

_NO_CACHE = RunCache()


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
        model: keras.Model,
        run_cache: RunCache,
        later_depths: Collection[int] = (),
        bf16: Bf16 | None = None,
    ) -> None:
        self._config, self._base, self._run_cache = config, base_of(model), run_cache
        depths = config.counted_strategy.cumulative_max_depths
        self._cut_points = [starting_point(config, self._base, depth) for depth in depths]
        self._later = [cut for depth in sorted(later_depths) if (cut := starting_point(config, self._base, depth))]
        self._frozen_part = cache(self._build_frozen_part)
        self._fingerprint = cache(lambda cut_point: fingerprint(config, self._base, cut_point))
        self.images_computed = 0
        self._bf16, self._is_in_bf16 = bf16, False

    def cut_point(self, phase: int) -> CutPoint | None:
        """Return the cut point from which phase number `phase` (from 1) starts; None = from the images."""
        return self._cut_points[phase - 1]

    @property
    def lowest_cut_point(self) -> CutPoint | None:
        """The lowest cut point of all phases: layers below it never change. None if a phase starts from the images."""
        cut_points = [cut for cut in self._cut_points if cut is not None]
        is_complete = len(cut_points) == len(self._cut_points)
        return min(cut_points, key=lambda cut: cut.layers_below) if is_complete else None

    def training_inputs(self, images: Images, phase: int) -> InputLoader:
        """Inputs of training in this phase: the augmented copy of each image that the epoch uses."""
        self._is_in_bf16 = self._bf16 is not None and self._is_close(self._bf16, images)
        return self._loader(
            images,
            self._cut_points_to_compute(phase),
            self._config.kept_precision,
            lambda epoch: copy_for_epoch(self._config, epoch),
            self._is_in_bf16,
        )

    def validation_inputs(self, images: Images, phase: int) -> InputLoader:
        """Inputs of validation in this phase: the unchanged images, computed as those of training."""
        cut_points = self._cut_points_to_compute(phase)
        return self._loader(images, cut_points, self._config.kept_precision, in_bf16=self._is_in_bf16)

    def last_validation_inputs(self, images: Images) -> InputLoader:
        """Exact inputs of validation in the last phase, whose cut point is the lowest."""
        return self._loader(images, self._cut_points_to_compute(len(self._cut_points)), self._config.kept_precision)

    def test_inputs(self, images: Images) -> InputLoader:
        """Inputs of the test: the unchanged images, at the lowest cut point, in full precision."""
        cut_point = self.lowest_cut_point
        return self._loader(images, (cut_point,) if cut_point else (), "float32")

    def _cut_points_to_compute(self, phase: int) -> tuple[CutPoint, ...]:
        """Return this phase's cut point, then those of later phases and runs; empty if it starts from the images."""
        cut_point = self.cut_point(phase)
        if cut_point is None:
            return ()
        passed = (later for later in self._later if later.layers_below <= cut_point.layers_below)
        return tuple(dict.fromkeys(filter(None, (cut_point, *self._cut_points[phase:], *passed))))

    def _loader(
        self,
        images: Images,
        cut_points: tuple[CutPoint, ...],
        precision: str,
        copy_for: Callable[[int], AugmentedCopy | None] = lambda epoch: None,
        in_bf16: bool = False,
    ) -> InputLoader:
        """Load the features at the first of these cut points; if they must be computed, cache them at all of them."""

        def load(numbers: np.ndarray, epoch: int) -> np.ndarray:
            copy, hashes = copy_for(epoch), [images.hashes[number] for number in numbers]
            if not cut_points:
                return augment_batch(images.pixels[numbers], hashes, copy)
            recurs = copy_recurs(self._config, copy)
            run_cache, targets = (self._run_cache, cut_points) if recurs else (_NO_CACHE, cut_points[:1])
            kinds = [self._kind(cut_point, copy, precision, in_bf16) for cut_point in targets]
            features, found = run_cache.read(kinds[0], hashes)
            if not found.all():
                missing = np.flatnonzero(~found)
                missing_hashes = [hashes[i] for i in missing]
                pixels = augment_batch(images.pixels[numbers[missing]], missing_hashes, copy)
                features[missing] = self._compute(pixels, missing_hashes, targets, kinds, run_cache, in_bf16)
            return features

        return load

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
        config = self._config
        if self._bf16 and in_bf16:
            return prefer(self._bf16.engine, self._base, cut_points, config.batch_size, config.backbone.scaling)
        # of two engines, one may be faster only today, and their features differ in the last bits
        few_images = math.inf if config.deterministic else FEW_IMAGES
        return build_frozen_part(self._base, cut_points, config.batch_size, config.backbone.scaling, few_images)

    def _is_close(self, bf16: Bf16, training: Images) -> bool:
        """Whether features of some training images in bfloat16 are close enough to the exact ones."""
        cut_points = tuple(dict.fromkeys(filter(None, self._cut_points)))
        if not cut_points:
            return False
        fingerprints = [self._fingerprint(cut_point) for cut_point in cut_points]
        some = np.unique(np.linspace(0, len(training) - 1, CHECKED_IMAGES).astype(int))
        return bf16.is_close(
            [*fingerprints, *(cut_point.name for cut_point in cut_points), self._config.image_size, self._config.data],
            lambda: self._frozen_part(cut_points, False),
            lambda: build_with(bf16.engine, self._base, cut_points, self._config.backbone.scaling),
            lambda: training.pixels[some],
        )


def starting_point(config: RunConfig, base: keras.Model | None, depth: int) -> CutPoint | None:
    """Return the cut point from which a phase starts that trains the top `depth` layers; None = from the images."""
    return cut_point_for(base, depth) if config.reuse and base is not None else None


def fingerprint(config: RunConfig, base: keras.Model, cut_point: CutPoint) -> str:
    """Compute the SHA-256 of the layers below the cut point and their weights: the same for weights of any origin.

    Of the default base only the weights count, so that features cached by versions without other bases are found.
    """
    digest, is_default = hashlib.sha256(), config.backbone is DEFAULT_BASE
    for layer in base.layers[: cut_point.layers_below]:
        digest.update(b"" if is_default else _settings(layer, config).encode())
        for weight in layer.get_weights():
            digest.update(weight.tobytes())
    return digest.hexdigest()


def _settings(layer: keras.Layer, config: RunConfig) -> str:
    """What a layer computes: all settings but its name, which Keras may number anew, and whether it is trained."""
    settings = {key: value for key, value in layer.get_config().items() if key not in ("name", "trainable")}
    return f"{type(layer).__name__} {settings} {config.backbone.scaling}"
