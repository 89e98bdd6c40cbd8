"""How long a study will take, from the machine's measured pace, the plan, and what is kept already."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.data.kinds import activations_at
from core.data.shelf import Kind
from core.data.shelves import Shelves
from core.data.split import Manifest
from core.data.views import view_of
from core.experiment.pace import Pace, PhasePace
from core.experiment.run import RunConfig
from core.experiment.strategy import Phase

Pass = tuple[str, int]
"""A view of training images, or "plain" with 0, at one cut: what goes through the frozen part once."""


@dataclass(frozen=True)
class Estimate:
    """`seconds` of all runs together; of the `needed` images that must come from the frozen part, `kept` are there."""

    seconds: float
    needed: int
    kept: int


def estimate(configs: Sequence[RunConfig], manifest: Manifest, pace: Pace, shelves: Shelves) -> Estimate | None:
    """The time of these runs one after another, in the order of the queue; what one computes the next takes.

    None where the pace of one of their depths was not measured.
    """
    depths = {phase.unfreeze for config in configs for phase in config.strategy.phases}
    if not configs or not depths <= pace.phases.keys():
        return None
    counts, there = manifest.counts(), _There(manifest, shelves)
    seconds = 0.0
    for config in sorted(configs, key=lambda config: -len({phase.unfreeze for phase in config.strategy.phases})):
        seconds += pace.build + sum(
            _phase_seconds(config, phase, pace.phases[depth], counts)
            for phase, depth in zip(config.strategy.phases, config.strategy.deepest_so_far, strict=True))
        seconds += sum(_missing_seconds(config, pace, there))
    return Estimate(seconds, there.needed, there.kept)


def _phase_seconds(config: RunConfig, phase: Phase, pace: PhasePace, counts: dict[str, int]) -> float:
    """What a phase takes apart from the frozen part."""
    steps, checks = (-(-counts[split] // config.batch_size) for split in ("train", "validation"))
    return pace.prepare + phase.epochs * (steps * pace.step + checks * pace.check)


def _missing_seconds(config: RunConfig, pace: Pace, there: "_There") -> Iterator[float]:
    """Image by image what has to go through the frozen part, and what has to be read for it."""
    epoch, depths = 0, config.strategy.deepest_so_far
    for number, phase in enumerate(config.strategy.phases):
        paces = [pace.phases[depth] for depth in depths[number:]]
        own, wanted = paces[0], [later for later in paces if later.cut]
        views = {view_of(config, epoch + i) for i in range(phase.epochs)}
        epoch += phase.epochs
        if not own.cut:
            continue
        dearest = max(later.frozen for later in wanted)
        for split, which in [("train", view) for view in views] + [("validation", None)]:
            kinds = [activations_at(later.cut, later.shape, later.weights, config.image_size, which,
                                    config.kept_precision) for later in wanted]
            yield (dearest + pace.decode) * there.missing(split, kinds, keeps=which is None or config.views > 0)


class _There:
    """What is kept, and what the runs before will have kept."""

    def __init__(self, manifest: Manifest, shelves: Shelves) -> None:
        self._images = {split: [item.hash for item in manifest.of(split)] for split in ("train", "validation")}
        self._shelves = shelves
        self._coming: set[tuple[str, str]] = set()
        self.needed = self.kept = 0

    def missing(self, split: str, kinds: Sequence[Kind], keeps: bool) -> int:
        """How many images must be computed for the first of these kinds; the rows of all of them are kept then."""
        if (split, kinds[0].name) in self._coming:
            return 0
        images = self._images[split]
        shelf = self._shelves.find(kinds[0]) if keeps else None
        kept = shelf.holds(images) if shelf else 0
        if shelf:
            shelf.close()
        self.needed, self.kept = self.needed + len(images), self.kept + kept
        if keeps:
            self._coming |= {(split, kind.name) for kind in kinds}
        return len(images) - kept
