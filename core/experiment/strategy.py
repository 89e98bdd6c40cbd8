"""What to train and in which order. A strategy is data: a name and its phases."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from typing import Any, Final

from core.backbones.mobilenet_v2 import ALL_LAYERS

FROM_SCRATCH: Final = -1
"""In place of a number of layers: there is no base, a small network trains from nothing (the baseline)."""

DEPTHS: Final = (0, 11, 20, 30, 56, 100, 154)
"""What a sweep opens: edges of blocks, but for the course's 30."""

MAX_EPOCHS: Final = 1_000
MAX_LEARNING_RATE: Final = 10.0
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PARTIAL, _SWEPT = re.compile(r"fine-tuning-(\d+)"), re.compile(r"unfreeze-(\d+)")


def expect_integer(name: str, value: object, low: int, high: int) -> None:
    """Raise `ValueError` unless `value` is an integer (a bool is none) from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"Expected {name} to be a whole number from {low:,} to {high:,}; received {value!r}.")


def expect_number(name: str, value: object, low: float, high: float) -> None:
    """Raise `ValueError` unless `value` is a finite number above `low` and at most `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        raise ValueError(f"Expected {name} to be a number above {low:g} and at most {high:g}; received {value!r}.")


@dataclass(frozen=True)
class Phase:
    """One stretch of training with the same layers and the same learning rate.

    Args:
        unfreeze: how many layers, from the top of the base, train: 0 = none, `ALL_LAYERS` = all, `FROM_SCRATCH` =
            there is no base.
        learning_rate: Adam's learning rate.
        epochs: passes over the training images.

    A phase begins with a fresh optimizer, so two equal phases are not one of double length.
    """

    unfreeze: int
    learning_rate: float
    epochs: int

    def __post_init__(self) -> None:
        if type(self.unfreeze) is not int or self.unfreeze != FROM_SCRATCH:
            expect_integer("unfreeze (layers of the base, from its top)", self.unfreeze, 0, ALL_LAYERS)
        expect_number("learning_rate", self.learning_rate, 0, MAX_LEARNING_RATE)
        expect_integer("epochs", self.epochs, 1, MAX_EPOCHS)


@dataclass(frozen=True)
class Strategy:
    """A named sequence of phases. The name is lower-case words joined by dashes: `two-phase`."""

    name: str
    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or len(self.name) > 40 or not _NAME.fullmatch(self.name):
            raise ValueError(
                f"Expected a strategy name of lower-case words joined by dashes, at most 40 characters; "
                f"received {self.name!r}."
            )
        phases = self.phases if isinstance(self.phases, tuple) else ()
        if not phases or not all(isinstance(phase, Phase) for phase in phases):
            raise ValueError(
                f"Expected a tuple of one Phase or more in strategy {self.name}; received {self.phases!r}."
            )
        if len({phase.unfreeze == FROM_SCRATCH for phase in phases}) > 1:
            raise ValueError(f"Expected all phases of {self.name} to train from scratch, or none; received both.")
        if self.epochs > MAX_EPOCHS:
            raise ValueError(f"Expected at most {MAX_EPOCHS:,} epochs in all; received {self.epochs:,}.")

    @property
    def title(self) -> str:
        """The name as pages show it: `Two-phase`."""
        if depth := _PARTIAL.fullmatch(self.name):
            return f"Fine-tuning {depth[1]} layers"
        if (swept := swept_depth(self.name)) is not None:
            return f"Top {swept} layers" if swept else "Head alone"
        return _TITLES.get(self.name, self.name.replace("-", " ").capitalize())

    @property
    def is_from_scratch(self) -> bool:
        """Whether a small network trains from nothing, in place of a pretrained base."""
        return self.phases[0].unfreeze == FROM_SCRATCH

    @property
    def epochs(self) -> int:
        """Planned epochs over all phases."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def depths(self) -> frozenset[int]:
        """How many layers from the top its phases open."""
        return frozenset(phase.unfreeze for phase in self.phases)

    @property
    def deepest_so_far(self) -> tuple[int, ...]:
        """For each phase, how many layers from the top have been open by its end: what lies below never changed."""
        return tuple(accumulate((phase.unfreeze for phase in self.phases), max))

    @property
    def boundaries(self) -> tuple[int, ...]:
        """Epochs (counted from 0 over the whole run) at which a later phase is planned to begin."""
        return tuple(sum(p.epochs for p in self.phases[:i]) for i in range(1, len(self.phases)))

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "phases": [asdict(phase) for phase in self.phases]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Strategy":
        """The strategy that `to_json` wrote. Raises `ValueError` on anything else."""
        try:
            return cls(**data | {"phases": tuple(Phase(**phase) for phase in data["phases"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"Expected a strategy with name and phases; received {data!r}.") from error


def swept_depth(name: str) -> int | None:
    """The depth after which a strategy of a sweep is named; None for another name."""
    found = _SWEPT.fullmatch(name)
    return int(found[1]) if found else None


_TITLES: Final = {
    "feature-extraction": "Feature extraction",
    "fine-tuning": "Fine-tuning all layers",
    "two-phase": "Two-phase",
    "baseline-cnn": "Small CNN from scratch",
}

FEATURE_EXTRACTION: Final = Strategy("feature-extraction", (Phase(0, 1e-3, 15),))
FINE_TUNING: Final = Strategy("fine-tuning", (Phase(ALL_LAYERS, 1e-4, 25),))
TWO_PHASE: Final = Strategy("two-phase", (Phase(0, 1e-3, 15), Phase(30, 1e-4, 10)))
STRATEGIES: Final = {s.name: s for s in (FEATURE_EXTRACTION, FINE_TUNING, TWO_PHASE)}
BASELINE: Final = Strategy("baseline-cnn", (Phase(FROM_SCRATCH, 1e-3, 25),))
"""What transfer is compared with: a fourth strategy beside the three."""


def with_phases(strategy: Strategy, phases: tuple[Phase, ...]) -> Strategy:
    """The strategy with other phases. Of a single phase or a sweep, it is named by its depth."""
    if strategy.is_from_scratch:
        return replace(strategy, phases=phases)
    if len(phases) > 1:
        name = f"unfreeze-{phases[-1].unfreeze}" if swept_depth(strategy.name) is not None else strategy.name
        return Strategy(name, phases)
    depth = phases[0].unfreeze
    names = {0: FEATURE_EXTRACTION.name, ALL_LAYERS: FINE_TUNING.name}
    return Strategy(names.get(depth, f"{FINE_TUNING.name}-{depth}"), phases)


def with_settings(
    strategy: Strategy, phase1_epochs: int, phase2_epochs: int, phase1_rate: float, phase2_rate: float, unfreeze: int
) -> Strategy:
    """One of the named strategies under settings that all of them share.

    Phase 1 is the frozen head's; phase 2 opens `unfreeze` layers. Feature extraction uses phase 1's epochs and rate
    alone; fine-tuning all layers trains for both phases' epochs at phase 2's rate, the baseline at phase 1's.
    """
    head, tuned = Phase(0, phase1_rate, phase1_epochs), Phase(unfreeze, phase2_rate, phase2_epochs)
    phases = {
        "feature-extraction": (head,),
        "two-phase": (head, tuned),
        "fine-tuning": (replace(tuned, unfreeze=ALL_LAYERS, epochs=phase1_epochs + phase2_epochs),),
        "baseline-cnn": (replace(head, unfreeze=FROM_SCRATCH, epochs=phase1_epochs + phase2_epochs),),
    }
    if strategy.name not in phases:
        raise ValueError(f"Expected one of {', '.join(phases)}; received {strategy.name}.")
    return replace(strategy, phases=phases[strategy.name])


def unfreeze_sweep(
    depths: Sequence[int] = DEPTHS, head: Phase = TWO_PHASE.phases[0], tuned: Phase = TWO_PHASE.phases[1]
) -> tuple[Strategy, ...]:
    """One strategy a depth: the frozen head first, then that many layers. Depth 0 goes on with the head alone."""
    return tuple(Strategy(f"unfreeze-{depth}", (head, replace(tuned, unfreeze=depth))) for depth in depths)


def gradual_unfreezing(
    depths: Sequence[int] = (0, 11, 30, 56), learning_rate: float = 1e-3, epochs: int = 5, decay: float = 0.3
) -> Strategy:
    """One strategy that opens the base from the top, a phase a depth (Howard and Ruder 2018, arXiv 1801.06146).

    Phase i trains `depths[i]` layers at `learning_rate * decay ** i`. Raises `ValueError` unless depths grow.
    """
    expect_number("learning_rate", learning_rate, 0, MAX_LEARNING_RATE)
    expect_number("decay", decay, 0, 1)
    if list(depths) != sorted(set(depths)):
        raise ValueError(f"Expected depths that grow from phase to phase; received {list(depths)!r}.")
    phases = tuple(Phase(depth, learning_rate * decay**i, epochs) for i, depth in enumerate(depths))
    return Strategy("gradual-unfreezing", phases)
