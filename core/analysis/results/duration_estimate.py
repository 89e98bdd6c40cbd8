"""How long a study will take, from the machine's measured pace, the plan, and what is kept already."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.keys import frozen_feature_rows
from core.data.cache.row_store import Kind
from core.data.datasets.augmentation import copy_for_epoch
from core.data.datasets.split import SPLITS, Manifest
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase
from core.experiment.timings import PhaseTimings, Timings

Pass = tuple[str, int]
"""A view of training images, or "plain" with 0, at one cut: what goes through the frozen part once."""


@dataclass(frozen=True)
class DurationEstimate:
    """`seconds` of all runs together; of the `needed` images that must come from the frozen part, `kept` are there."""

    seconds: float
    needed: int
    kept: int


def estimate(
    plan: Sequence[tuple[RunConfig, Manifest]], pace: Timings, feature_cache: FeatureCache
) -> DurationEstimate | None:
    """The time of these runs one after another, in the order of the queue; what one computes the next takes.

    None where the pace of one of their depths was not measured.
    """
    depths = frozenset().union(*(config.strategy.depths for config, _ in plan))
    if not plan or not depths <= pace.phases.keys():
        return None
    there, seconds = _There(feature_cache), 0.0
    queue = sorted(plan, key=lambda one: -len(one[0].strategy.depths))
    for number, (config, manifest) in enumerate(queue, start=1):
        later = config.depths_of_similar_runs(other for other, _ in queue[number:])
        counts = manifest.counts()
        seconds += pace.build + sum(
            _phase_seconds(config, phase, pace.phases[depth], counts)
            for phase, depth in zip(config.strategy.phases, config.strategy.deepest_so_far, strict=True)
        )
        seconds += -(-counts["test"] // config.batch_size) * pace.phases[config.strategy.deepest_so_far[-1]].check
        seconds += sum(_missing_seconds(config, manifest, pace, there, later))
    return DurationEstimate(seconds, there.needed, there.kept)


def _phase_seconds(config: RunConfig, phase: Phase, pace: PhaseTimings, counts: dict[str, int]) -> float:
    """What a phase takes apart from the frozen part."""
    steps, checks = (-(-counts[split] // config.batch_size) for split in ("train", "validation"))
    return pace.prepare + phase.epochs * (steps * pace.step + checks * pace.check)


def _missing_seconds(
    config: RunConfig, manifest: Manifest, pace: Timings, there: "_There", later: Collection[int]
) -> Iterator[float]:
    """Image by image what has to go through the frozen part, and what has to be read for it.

    Args:
        later: depths of runs to come, for which rows are kept in passing.
    """
    epoch, depths = 0, config.strategy.deepest_so_far
    weights = config.seed if config.weights == "random" else None  # drawn anew by each seed
    images = {split: [item.hash for item in manifest.of(split)] for split in SPLITS}
    for number, phase in enumerate(config.strategy.phases):
        paces = [pace.phases[depth] for depth in depths[number:]]
        own, in_passing = paces[0], [pace.phases[depth] for depth in later if depth >= depths[number]]
        wanted = [one for one in (*paces, *in_passing) if one.cut]
        views = {copy_for_epoch(config, epoch + i) for i in range(phase.epochs)}
        epoch += phase.epochs
        if not own.cut:
            continue
        dearest = max(one.frozen for one in wanted)
        for split, which in [("train", view) for view in views] + [("validation", None)]:
            kinds = [
                frozen_feature_rows(one.cut, one.shape, one.weights, config.image_size, which, config.kept_precision)
                for one in wanted
            ]
            keeps = which is None or config.views > 0
            yield (dearest + pace.decode) * there.missing(images[split], kinds, keeps, weights)
    last = pace.phases[depths[-1]]
    if last.cut:  # the test, in full precision
        kind = frozen_feature_rows(last.cut, last.shape, last.weights, config.image_size, None, "float32")
        yield (last.frozen + pace.decode) * there.missing(images["test"], [kind], True, weights)


class _There:
    """What is kept, and what the runs before will have kept."""

    def __init__(self, feature_cache: FeatureCache) -> None:
        self._shelves = feature_cache
        self._coming: dict[tuple[str, int | None], set[str]] = defaultdict(set)
        self.needed = self.kept = 0

    def missing(self, images: Sequence[str], kinds: Sequence[Kind], keeps: bool, weights: int | None) -> int:
        """How many images must be computed for the first of these kinds; the rows of all of them are kept then.

        `weights` tells bases with other weights apart.
        """
        open_ones = [image for image in images if image not in self._coming[kinds[0].name, weights]]
        row_store = self._shelves.find(kinds[0]) if keeps and open_ones else None
        kept = row_store.count_stored(open_ones) if row_store else 0
        if row_store:
            row_store.close()
        self.needed, self.kept = self.needed + len(open_ones), self.kept + kept
        if keeps:
            for kind in kinds:
                self._coming[kind.name, weights].update(images)
        return len(open_ones) - kept
