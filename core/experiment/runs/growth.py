"""Records of studies that grow: seeds are added until it is settled which strategy is best."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from core.experiment.growth_limits import MAX_SEEDS, GrowthLimits
from core.experiment.preset import Preset
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Strategy, expect_integer


class GrowthState(StrEnum):
    """Whether more seeds will be added, or why not.

    A stopped study can be continued, and with higher limits one whose budget is used up.
    """

    GROWING = "growing"
    SETTLED = "settled"
    BUDGET_USED = "budget used up"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Look:
    """What was known when all runs with this number of seeds had ended; `left` lists the strategies that left then."""

    seeds: int
    finding: str
    left: tuple[Strategy, ...] = ()


@dataclass(frozen=True)
class SplitBasis:
    """What a split needs besides a manifest of the study, so that the images need not be read again.

    Args:
        root: folder that the paths in the manifests are relative to.
        scanned: when the images were read, in Unix seconds; None if they were not.
        predefined: parts that the folders determine, such as ("train", "test").
        duplicate_groups: (hash, hash that names the group) of each image that has near-duplicates.
    """

    root: str
    scanned: float | None = None
    predefined: tuple[str, ...] = ()
    duplicate_groups: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Growth:
    """The plan of a growing study and its state.

    Args:
        study: its id.
        strategies: those that it began with.
        template: all other settings; its seed is the first one.
        basis: what the splits of further seeds need.
        seeds: number of seeds so far.
        limits: when it ends although it is not settled.
        looks: what was known at each look so far.
        reason: why it ended, as a clause; "" while it grows.
    """

    study: str
    strategies: tuple[Strategy, ...]
    template: RunConfig
    basis: SplitBasis
    seeds: int
    limits: GrowthLimits = field(default_factory=GrowthLimits)
    looks: tuple[Look, ...] = ()
    state: GrowthState = GrowthState.GROWING
    reason: str = ""

    def __post_init__(self) -> None:
        expect_several(self.strategies)
        expect_integer("seeds", self.seeds, 1, self.limits.max_seeds)

    @property
    def preset(self) -> Preset:
        """The settings that the study began with."""
        return Preset(self.strategies, self.template, self.limits.looks[0], self.limits)

    @property
    def in_race(self) -> tuple[Strategy, ...]:
        """The strategies that are trained with further seeds."""
        left = {strategy for look in self.looks for strategy in look.left}
        return tuple(strategy for strategy in self.strategies if strategy not in left)

    @property
    def next_seeds(self) -> range:
        """The seeds to be added until the next look; empty if there are enough."""
        first, number = self.template.seed, next((n for n in self.limits.looks if n > self.seeds), self.seeds)
        return range(first + self.seeds, first + number)

    def expect_room(self, limits: GrowthLimits, seconds: float) -> None:
        """Raise `ValueError` if no seeds could be added within these limits, after so many seconds of training."""
        if limits.max_seeds <= self.seeds:
            advice = f"give a higher --max-seeds, up to {MAX_SEEDS}" if self.seeds < MAX_SEEDS else "it has the most"
            raise ValueError(
                f"Expected more than the {self.seeds} seeds of {self.study}; received {limits.max_seeds}: {advice}."
            )
        if limits.minutes is not None and seconds >= 60 * limits.minutes:
            raise ValueError(
                f"Expected more than {seconds / 60:.3g} minutes to continue {self.study}, as long as it has trained; "
                f"received {limits.minutes:g}: give a higher --minutes."
            )

    def to_json(self) -> dict[str, Any]:
        template = replace(self.template, strategy=self.strategies[0]).to_json()
        looks = [asdict(look) | {"left": [strategy.to_json() for strategy in look.left]} for look in self.looks]
        return asdict(self) | {
            "strategies": [strategy.to_json() for strategy in self.strategies],
            "template": template,
            "looks": looks,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Growth":
        """The record that `to_json` wrote. Raises `ValueError` on other data."""
        try:
            looks = (look | {"left": _strategies(look["left"])} for look in data["looks"])
            basis = data["basis"]
            pairs = tuple((str(image), str(group)) for image, group in basis["duplicate_groups"])
            return cls(
                **data
                | {
                    "strategies": _strategies(data["strategies"]),
                    "template": RunConfig.from_json(data["template"]),
                    "basis": SplitBasis(
                        **basis | {"predefined": tuple(basis["predefined"]), "duplicate_groups": pairs}
                    ),
                    "limits": GrowthLimits(**data["limits"]),
                    "looks": tuple(Look(**look) for look in looks),
                    "state": GrowthState(data["state"]),
                }
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"Expected the record of a growing study; received {str(data)[:80]}.") from error


def expect_several(strategies: Sequence[Strategy]) -> None:
    """Raise `ValueError` if there are fewer than two strategies: nothing could be settled."""
    if len(strategies) < 2:
        raise ValueError(
            f"Expected at least two strategies to compare until it is settled; received {len(strategies)}. "
            "Add one, or give a number of seeds."
        )


def _strategies(items: Sequence[dict[str, Any]]) -> tuple[Strategy, ...]:
    return tuple(Strategy.from_json(item) for item in items)
