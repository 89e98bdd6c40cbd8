"""Presets: settings of a study under a name, to start from again."""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.experiment.run_config import RunConfig
from core.experiment.strategy import STRATEGIES, Strategy, expect_integer
from core.machine.files import read_json, write_whole

MAX_STRATEGIES, MAX_SEEDS = 12, 20
_NAME = re.compile(r"\w[\w .,()+-]{0,59}")


@dataclass(frozen=True)
class Preset:
    """What the Train page is filled in with: the strategies, and all other settings as `template`.

    The template's own strategy says nothing. `seeds` is how many there are, from the template's on.
    """

    strategies: tuple[Strategy, ...] = tuple(STRATEGIES.values())
    template: RunConfig = field(default_factory=RunConfig)
    seeds: int = 1

    def __post_init__(self) -> None:
        if not 1 <= len(self.strategies) <= MAX_STRATEGIES:
            raise ValueError(f"Expected 1 to {MAX_STRATEGIES} strategies in a preset; received {len(self.strategies)}.")
        expect_integer("seeds", self.seeds, 1, MAX_SEEDS)

    @property
    def every_seed(self) -> range:
        """The seed of each replicate."""
        return range(self.template.seed, self.template.seed + self.seeds)

    @property
    def needs_base(self) -> bool:
        """Whether any strategy starts from the base, so that its weights must be had."""
        return not all(strategy.is_from_scratch for strategy in self.strategies)

    @classmethod
    def of(cls, configs: list[RunConfig]) -> "Preset":
        """The settings of runs that differ in nothing but their strategies and seeds."""
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
        }

    @classmethod
    def from_json(cls, data: Any) -> "Preset":
        """The preset that `to_json` wrote. Raises `ValueError` on anything else."""
        try:
            return cls(
                tuple(Strategy.from_json(item) for item in data["strategies"]),
                RunConfig.from_json({"leak_free": True} | data["template"]),
                data.get("seeds", 1),
            )
        except (AttributeError, TypeError, KeyError) as error:
            raise ValueError(f"Expected a preset with strategies and template; received {str(data)[:80]}.") from error


class PresetStore:
    """Presets as JSON files, one a name, below a folder that is made when the first is saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """All saved presets by name."""
        found = self._folder.glob("*.json") if self._folder.is_dir() else ()
        return sorted(path.stem for path in found if _NAME.fullmatch(path.stem))

    def load(self, name: str) -> Preset:
        """Raises `ValueError` where there is no such preset, or a damaged one."""
        path = self._path(name)
        if not path.is_file():
            raise ValueError(f"Expected a saved preset; received {name!r}, and there is none of that name.")
        try:
            return Preset.from_json(read_json(path))
        except (OSError, ValueError) as error:
            raise ValueError(f"Expected a readable preset; {name!r} is damaged: {error} Delete it.") from error

    def save(self, name: str, preset: Preset) -> None:
        """Keep a preset, in place of one of the same name. Raises `ValueError` for an unusable name, `OSError`."""
        path = self._path(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(preset.to_json(), indent=1))

    def delete(self, name: str) -> None:
        """Forget a preset; nothing happens where there is none."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not isinstance(name, str) or not _NAME.fullmatch(name.strip()):
            raise ValueError(
                "Expected a name of 1 to 60 letters, digits, spaces and . , ( ) + -, beginning with a "
                f"letter or digit; received {str(name)[:80]!r}."
            )
        return self._folder / f"{name.strip()}.json"
