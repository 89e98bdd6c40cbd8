"""Presets: named settings of a study, saved for reuse."""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from core.experiment.growth_limits import MAX_SEEDS, GrowthLimits
from core.experiment.named_strategies import STRATEGIES
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Strategy, expect_integer
from core.machine.files import read_json, write_atomically

MAX_STRATEGIES = 12
_NAME = re.compile(r"\w[\w .,()+-]{0,59}")

BUILT_IN_PRESETS: Final = {"Default settings": "all", "Seven depths": "depths", "Gradual unfreezing": "gradual"}
"""By name, the value of `STRATEGY_CHOICES` that gives a preset its strategies; other settings have their defaults."""


@dataclass(frozen=True)
class Preset:
    """Settings of a study: its strategies, its number of seeds and, in `template`, all other settings.

    The template's strategy is ignored. The template's seed is the first of `seeds` consecutive ones.
    With `growth` the study grows within these limits until it is settled, and `seeds` is what it begins with.
    Raises `ValueError` for strategies that the template's base cannot train.
    """

    strategies: tuple[Strategy, ...] = tuple(STRATEGIES.values())
    template: RunConfig = field(default_factory=RunConfig)
    seeds: int = 1
    growth: GrowthLimits | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.strategies) <= MAX_STRATEGIES:
            raise ValueError(f"Expected 1 to {MAX_STRATEGIES} strategies in a preset; received {len(self.strategies)}.")
        expect_integer("seeds", self.seeds, 1, MAX_SEEDS)
        valid = tuple(replace(self.template, strategy=strategy).strategy for strategy in self.strategies)
        object.__setattr__(self, "strategies", valid)

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
        """The preset of runs whose configurations differ only in strategy and seed."""
        strategies = tuple(dict.fromkeys(config.strategy for config in configs))
        seeds = {config.seed for config in configs}
        first = min(configs, key=lambda config: config.seed)
        return cls(strategies, first, min(len(seeds), MAX_SEEDS))

    def to_json(self) -> dict[str, Any]:
        template = replace(self.template, strategy=self.strategies[0]).to_json()
        return {
            "strategies": [strategy.to_json() for strategy in self.strategies],
            "template": template,
            "seeds": self.seeds,
            "growth": asdict(self.growth) if self.growth else None,
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
            )
        except (AttributeError, TypeError, KeyError) as error:
            raise ValueError(f"Expected a preset with strategies and template; received {str(data)[:80]}.") from error


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
