"""Presets: named settings of a study, saved for reuse."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from core.experiment.growth_limits import MAX_SEEDS, GrowthLimits
from core.experiment.named_strategies import STRATEGIES
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Strategy, expect_integer
from core.machine.files import read_json, write_atomically

MAX_SETTINGS = 40
"""Largest number of settings of a study: three dropout values of a rate sweep and some other strategies."""

_NAME = re.compile(r"\w[\w .,()+-]{0,59}")

BUILT_IN_PRESETS: Final = {
    "Default settings": "all",
    "Seven depths": "depths",
    "Learning rate sweep": "rates",
    "Gradual unfreezing": "gradual",
}
"""By name, the value of `STRATEGY_CHOICES` that gives a preset its strategies; other settings have their defaults."""


@dataclass(frozen=True)
class Preset:
    """Settings of a study: its strategies, its number of seeds and, in `template`, all other settings.

    The template's strategy is ignored. The template's seed is the first of `seeds` consecutive ones.
    With `growth` the study grows within these limits until it is settled, and `seeds` is what it begins with.
    With `dropouts`, two or more, every strategy is trained with each of them instead of the template's.
    Raises `ValueError` for strategies that the template's base cannot train.
    """

    strategies: tuple[Strategy, ...] = tuple(STRATEGIES.values())
    template: RunConfig = field(default_factory=RunConfig)
    seeds: int = 1
    growth: GrowthLimits | None = None
    dropouts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        expect_settings(self.strategies, self.dropouts)
        expect_integer("seeds", self.seeds, 1, MAX_SEEDS)
        if self.growth:
            expect_one_dropout(self.dropouts)
        self._simplify_dropouts()
        valid = tuple(config.strategy for config in self.settings[: len(self.strategies)])
        object.__setattr__(self, "strategies", valid)

    def _simplify_dropouts(self) -> None:
        """Write equal presets in one way: a single dropout is the template's."""
        dropouts = tuple(dict.fromkeys(self.dropouts))
        if len(dropouts) == 1:
            object.__setattr__(self, "template", replace(self.template, dropout=dropouts[0]))
        object.__setattr__(self, "dropouts", dropouts if len(dropouts) > 1 else ())

    @property
    def settings(self) -> tuple[RunConfig, ...]:
        """The configuration of each strategy with each dropout, with the template's seed."""
        return tuple(
            replace(self.template, strategy=strategy, dropout=dropout)
            for dropout in self.dropouts or (self.template.dropout,)
            for strategy in self.strategies
        )

    @property
    def seed_range(self) -> range:
        """The seeds of the replicates."""
        return range(self.template.seed, self.template.seed + self.seeds)

    @property
    def needs_base(self) -> bool:
        """Whether any strategy starts from the base, so that its weights are needed."""
        return not all(strategy.is_from_scratch for strategy in self.strategies)

    @classmethod
    def from_configs(cls, configs: list[RunConfig]) -> "Preset":
        """The preset of runs whose configurations differ only in strategy, dropout and seed."""
        strategies = tuple(dict.fromkeys(config.strategy for config in configs))
        seeds = {config.seed for config in configs}
        first = min(configs, key=lambda config: config.seed)
        dropouts = tuple(dict.fromkeys(config.dropout for config in configs))
        return cls(strategies, first, min(len(seeds), MAX_SEEDS), dropouts=dropouts)

    def to_json(self) -> dict[str, Any]:
        template = replace(self.template, strategy=self.strategies[0]).to_json()
        return {
            "strategies": [strategy.to_json() for strategy in self.strategies],
            "template": template,
            "seeds": self.seeds,
            "growth": asdict(self.growth) if self.growth else None,
            "dropouts": list(self.dropouts),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Preset":
        """The preset that `to_json` wrote. Raises `ValueError` on anything else."""
        try:
            return cls(
                tuple(Strategy.from_json(item) for item in data["strategies"]),
                RunConfig.from_json({"leak_free": True} | data["template"]),
                data.get("seeds", 1),
                GrowthLimits(**growth) if (growth := data.get("growth")) is not None else None,
                tuple(data.get("dropouts", ())),
            )
        except (AttributeError, TypeError, KeyError) as error:
            raise ValueError(f"Expected a preset with strategies and template; received {str(data)[:80]}.") from error


def expect_settings(strategies: Sequence[Strategy], dropouts: Sequence[float] = ()) -> None:
    """Raise `ValueError` unless a study can have so many strategies, each with each of the dropout values."""
    number = len(strategies) * max(1, len(dropouts))
    if not 1 <= number <= MAX_SETTINGS:
        times = f", {len(strategies)} strategies with {len(dropouts)} dropout values" if len(dropouts) > 1 else ""
        raise ValueError(f"Expected 1 to {MAX_SETTINGS} settings in a study; received {number}{times}.")


def expect_one_dropout(dropouts: Sequence[float]) -> None:
    """Raise `ValueError` for several dropout values: a study that grows compares strategies only."""
    if len(dropouts) > 1:
        raise ValueError(
            f"Expected one dropout in a study that grows until it is settled; received {len(dropouts)}. "
            "Choose a fixed number of seeds, or one dropout."
        )


class PresetStore:
    """Presets as JSON files in one folder, which is created when the first preset is saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The names of all saved presets, sorted."""
        paths = self._folder.glob("*.json") if self._folder.is_dir() else ()
        return sorted(path.stem for path in paths if _NAME.fullmatch(path.stem))

    def load(self, name: str) -> Preset:
        """Read a preset. Raises `ValueError` if it does not exist or is damaged."""
        path = self._path(name)
        if not path.is_file():
            raise ValueError(f"Expected the name of a saved preset; received {name!r}, which does not exist.")
        try:
            return Preset.from_json(read_json(path))
        except (OSError, ValueError) as error:
            raise ValueError(f"Expected a readable preset; {name!r} is damaged: {error} Delete it.") from error

    def save(self, name: str, preset: Preset) -> None:
        """Save a preset; replace one of the same name. Raises `ValueError` for an invalid name, `OSError`."""
        path = self._path(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(preset.to_json(), indent=1))

    def delete(self, name: str) -> None:
        """Delete a preset, if it exists. Raises `ValueError` for an invalid name."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not isinstance(name, str) or not _NAME.fullmatch(name.strip()):
            raise ValueError(
                "Expected a name of 1 to 60 letters, digits, spaces and . , ( ) + -, beginning with a "
                f"letter or digit; received {str(name)[:80]!r}."
            )
        return self._folder / f"{name.strip()}.json"
