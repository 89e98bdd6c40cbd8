"""Estimate the duration of a study from the machine's measured timings, the plan, and the features already cached."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.keys import frozen_feature_rows
from core.data.cache.row_store import Kind
from core.data.datasets.augmentation import copy_for_epoch, copy_recurs
from core.data.datasets.dataset import SPLITS
from core.data.datasets.split import Manifest
from core.experiment.run_config import FASTEST, RunConfig
from core.experiment.strategy import Phase
from core.experiment.timings import PhaseTimings, Timings
from core.machine.processor import computes_bf16


@dataclass(frozen=True)
class DurationEstimate:
    """Seconds of all runs together; number of images whose features are needed, and of those already cached."""

    seconds: float
    needed: int
    cached: int


def estimate_duration(
    plan: Sequence[tuple[RunConfig, Manifest]], timings: Timings, feature_cache: FeatureCache
) -> DurationEstimate | None:
    """Estimate the time of these runs one after another, in queue order; later runs reuse features of earlier ones.

    None if the timings of one of their depths have not been measured.
    """
    depths = {depth for config, _ in plan for depth in config.counted_strategy.depths}
    if not plan or not depths <= timings.phases.keys():
        return None
    forecast, seconds = _CacheForecast(feature_cache), 0.0
    queue = sorted(plan, key=lambda planned: -len(planned[0].strategy.depths))
    for number, (config, manifest) in enumerate(queue, start=1):
        later = config.depths_of_similar_runs(other for other, _ in queue[number:])
        counts = manifest.counts()
        feature_seconds = sum(_feature_seconds(config, manifest, timings, forecast, later))
        if feature_seconds or not config.strategy.trains_head_only:  # otherwise the head trains without its base
            seconds += timings.build
        seconds += feature_seconds + sum(
            _phase_seconds(config, phase, timings.phases[depth], counts)
            for phase, depth in zip(config.strategy.phases, config.counted_strategy.cumulative_max_depths, strict=True)
        )
        test_batches = -(-counts["test"] // config.batch_size)
        seconds += test_batches * timings.phases[config.counted_strategy.cumulative_max_depths[-1]].check
    return DurationEstimate(seconds, forecast.needed, forecast.cached)


def _phase_seconds(config: RunConfig, phase: Phase, timings: PhaseTimings, counts: dict[str, int]) -> float:
    """Seconds of a phase without the frozen part."""
    steps, checks = (-(-counts[split] // config.batch_size) for split in ("train", "validation"))
    return timings.prepare + phase.epochs * (steps * timings.step + checks * timings.check)


def _feature_seconds(
    config: RunConfig, manifest: Manifest, timings: Timings, forecast: "_CacheForecast", later: Collection[int]
) -> Iterator[float]:
    """Yield the seconds for reading images and computing their missing features of the frozen layers.

    Args:
        later: depths of later runs, whose features are computed and cached in the same pass.
    """
    epoch, depths = 0, config.counted_strategy.cumulative_max_depths
    weights = config.seed if config.weights == "random" else None  # random weights differ between seeds
    images = {split: [item.cache_key for item in manifest.in_split(split)] for split in SPLITS}
    in_bf16 = config.frozen_precision == FASTEST and computes_bf16()
    for number, phase in enumerate(config.strategy.phases):
        own = timings.phases[depths[number]]
        of_next_phases = [timings.phases[depth] for depth in depths[number:]]
        of_later_runs = [timings.phases[depth] for depth in later if depth >= depths[number]]
        in_one_pass = [depth for depth in (*of_next_phases, *of_later_runs) if depth.cut]
        copies = {copy_for_epoch(config, epoch + i) for i in range(phase.epochs)}
        epoch += phase.epochs
        if not own.cut:
            continue
        slowest = max(depth.frozen for depth in in_one_pass)
        for split, copy in [("train", copy) for copy in copies] + [("validation", None)]:
            kinds = [
                frozen_feature_rows(
                    depth.cut, depth.shape, depth.weights, config.image_size, copy, config.kept_precision, in_bf16
                )
                for depth in in_one_pass
            ]
            recurs = copy_recurs(config, copy)
            yield (slowest + timings.decode) * forecast.count_missing(images[split], kinds, recurs, weights)
    last = timings.phases[depths[-1]]
    if last.cut:  # features of the test images are stored in full precision; those of both parts are exact
        for split, precision in (("validation", config.kept_precision), ("test", "float32")):
            if split == "test" or in_bf16:
                kind = frozen_feature_rows(last.cut, last.shape, last.weights, config.image_size, None, precision)
                yield (last.frozen + timings.decode) * forecast.count_missing(images[split], [kind], True, weights)


class _CacheForecast:
    """Forecast of the cached features: those in the cache now and those that earlier planned runs will have computed.

    `needed` and `cached` count images over all calls of `count_missing`.
    """

    def __init__(self, feature_cache: FeatureCache) -> None:
        self._feature_cache = feature_cache
        self._planned: dict[tuple[str, int | None], set[str]] = defaultdict(set)
        self.needed = self.cached = 0

    def count_missing(self, images: Sequence[str], kinds: Sequence[Kind], is_cached: bool, weights: int | None) -> int:
        """Return the number of images whose features of the first kind must be computed.

        Args:
            kinds: kinds of features that are computed in one pass.
            is_cached: whether these features are cached; from then on those of all `kinds` count as planned.
            weights: distinguishes bases with different random weights.
        """
        new = [image for image in images if image not in self._planned[kinds[0].name, weights]]
        row_store = self._feature_cache.find(kinds[0]) if is_cached and new else None
        cached = row_store.count_stored(new) if row_store else 0
        if row_store:
            row_store.close()
        self.needed, self.cached = self.needed + len(new), self.cached + cached
        if is_cached:
            for kind in kinds:
                self._planned[kind.name, weights].update(images)
        return len(new) - cached
