"""Training strategies as data: a strategy is a name and a sequence of phases."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, takewhile
from typing import Any, Final

FROM_SCRATCH: Final = -1
"""Value of `unfreeze` for the baseline: there is no base; a small network trains from random weights."""

ALL_LAYERS: Final = 100_000
"""Value of `unfreeze` for all layers of any base; greater than the number of layers of every base. "all" in files."""


MAX_EPOCHS: Final = 1_000
MAX_LEARNING_RATE: Final = 10.0
_ALL: Final = "all"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PARTIAL, _SWEPT = re.compile(r"fine-tuning-(\d+)"), re.compile(r"unfreeze-(\d+)")
_AT_RATE = re.compile(r"feature-extraction-at-(\d)(?:-(\d+))?e(-?\d+)")


def expect_integer(name: str, value: object, low: int, high: int) -> None:
    """Raise `ValueError` unless `value` is an integer, not a bool, from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"Expected {name} to be a whole number from {low:,} to {high:,}; received {value!r}.")


def expect_number(name: str, value: object, low: float, high: float) -> None:
    """Raise `ValueError` unless `value` is a finite number above `low` and at most `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        raise ValueError(f"Expected {name} to be a number above {low:g} and at most {high:g}; received {value!r}.")


def rate(learning_rate: float) -> str:
    """0.0001 -> "1e-4"; 0.00025 -> "2.5e-4"."""
    digits, _, exponent = f"{learning_rate:.2e}".partition("e")
    return f"{float(digits):g}e{int(exponent)}"


@dataclass(frozen=True)
class Phase:
    """A part of training with fixed trainable layers and a fixed learning rate.

    Args:
        unfreeze: number of layers, from the top of the base, that train: 0 = none, `ALL_LAYERS` = all,
            `FROM_SCRATCH` = there is no base.
        learning_rate: Adam's learning rate.
        epochs: passes over the training images.

    A phase begins with a new optimizer, so two equal phases differ from one phase of double length.
    """

    unfreeze: int
    learning_rate: float
    epochs: int

    def __post_init__(self) -> None:
        if type(self.unfreeze) is not int or self.unfreeze != FROM_SCRATCH:
            expect_integer("unfreeze (layers of the base, from its top)", self.unfreeze, 0, ALL_LAYERS)
        expect_number("learning_rate", self.learning_rate, 0, MAX_LEARNING_RATE)
        expect_integer("epochs", self.epochs, 1, MAX_EPOCHS)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | ({"unfreeze": _ALL} if self.unfreeze == ALL_LAYERS else {})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Phase":
        """The phase that `to_json` wrote. Raises `ValueError`, `TypeError` on other data."""
        return cls(**data | ({"unfreeze": ALL_LAYERS} if data.get("unfreeze") == _ALL else {}))


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
                f"Expected a tuple of at least one Phase in strategy {self.name}; received {self.phases!r}."
            )
        if len({phase.unfreeze == FROM_SCRATCH for phase in phases}) > 1:
            raise ValueError(f"Expected all phases of {self.name} to train from scratch, or none; received both.")
        if self.epochs > MAX_EPOCHS:
            raise ValueError(f"Expected at most {MAX_EPOCHS:,} epochs in all; received {self.epochs:,}.")

    @property
    def title(self) -> str:
        """The name shown on pages, e.g. `Two-phase`."""
        if depth := _PARTIAL.fullmatch(self.name):
            return f"Fine-tuning {depth[1]} layers"
        if (swept := swept_depth(self.name)) is not None:
            return f"Top {swept} layers" if swept else "Head alone"
        if (learning_rate := swept_rate(self.name)) is not None:
            return f"Head at {rate(learning_rate)}"
        return _TITLES.get(self.name, self.name.replace("-", " ").capitalize())

    @property
    def is_from_scratch(self) -> bool:
        """Whether a small network trains from random weights, without a pretrained base."""
        return self.phases[0].unfreeze == FROM_SCRATCH

    @property
    def epochs(self) -> int:
        """Planned epochs over all phases."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def depths(self) -> frozenset[int]:
        """The numbers of unfrozen layers of its phases."""
        return frozenset(phase.unfreeze for phase in self.phases)

    @property
    def cumulative_max_depths(self) -> tuple[int, ...]:
        """For each phase, the largest `unfreeze` up to its end: layers below still have their pretrained weights."""
        return tuple(accumulate((phase.unfreeze for phase in self.phases), max))

    @property
    def head_phases(self) -> tuple[Phase, ...]:
        """Its first phases, as far as they train the head alone."""
        return tuple(takewhile(lambda phase: phase.unfreeze == 0, self.phases))

    @property
    def trains_head_only(self) -> bool:
        return self.depths == {0}

    @property
    def phase_boundaries(self) -> tuple[int, ...]:
        """Number of epochs planned before each phase but the first."""
        return tuple(accumulate(phase.epochs for phase in self.phases[:-1]))

    def with_depths(self, depths: Mapping[int, int]) -> "Strategy":
        """The same strategy with some values of `unfreeze` replaced."""
        return replace(self, phases=tuple(replace(p, unfreeze=depths.get(p.unfreeze, p.unfreeze)) for p in self.phases))

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "phases": [phase.to_json() for phase in self.phases]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Strategy":
        """The strategy that `to_json` wrote. Raises `ValueError` on other data."""
        try:
            return cls(**data | {"phases": tuple(Phase.from_json(phase) for phase in data["phases"])})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"Expected a strategy with name and phases; received {data!r}.") from error


def swept_depth(name: str) -> int | None:
    """The depth in the name of a strategy of a sweep, `unfreeze-<depth>`; None for other names."""
    match = _SWEPT.fullmatch(name)
    return int(match[1]) if match else None


def at_rate(learning_rate: float) -> str:
    """The name of a strategy of a rate sweep: 0.001 -> "feature-extraction-at-1e-3", 0.00025 -> "...-2-5e-4"."""
    return f"feature-extraction-at-{rate(learning_rate).replace('.', '-')}"


def swept_rate(name: str) -> float | None:
    """The learning rate in a name that `at_rate` made, with three digits; None for other names."""
    match = _AT_RATE.fullmatch(name)
    return float(f"{match[1]}.{match[2] or 0}e{match[3]}") if match else None


_TITLES: Final = {
    "feature-extraction": "Feature extraction",
    "fine-tuning": "Fine-tuning all layers",
    "two-phase": "Two-phase",
    "baseline-cnn": "Small CNN from scratch",
    "gradual-unfreezing": "Gradual unfreezing",
}


def with_phases(strategy: Strategy, phases: tuple[Phase, ...], layers: int) -> Strategy:
    """The strategy with other phases, for a base with this number of layers.

    If it has one phase or belongs to a sweep, the depth gives it a new name.
    """
    if strategy.is_from_scratch:
        return replace(strategy, phases=phases)
    if len(phases) > 1:
        name = f"unfreeze-{phases[-1].unfreeze}" if swept_depth(strategy.name) is not None else strategy.name
        return Strategy(name, phases)
    depth = phases[0].unfreeze
    names = {0: "feature-extraction", layers: "fine-tuning", ALL_LAYERS: "fine-tuning"}
    return Strategy(names.get(depth, f"fine-tuning-{depth}"), phases)
