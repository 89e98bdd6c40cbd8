"""Colours of strategies and runs, the same on every page: the Okabe-Ito palette, which colour-blind people can read."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

from core.backbones.registry import DEFAULT_BASE
from core.experiment.named_strategies import SWEPT_RATES
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.strategy import swept_depth, swept_rate

STRATEGY_COLOURS: Final = {
    "feature-extraction": "#0072B2",
    "fine-tuning": "#D55E00",
    "two-phase": "#009E73",
    "baseline-cnn": "#7F7F7F",
}
DEPTH_COLOURS: Final = ("#5B6ABF", "#3F8FC4", "#2AA8A8", "#3DB57A", "#8AB33F", "#C2A52A", "#D98E2B")
"""Colours of a depth sweep, one for each of the default base's; other depths have the colour of the next larger one."""

RATE_COLOURS: Final = (
    *("#5B6ABF", "#4C7EC2", "#3D92C2", "#32A0B4", "#2AA9A4", "#34B08B"),
    *("#44B575", "#6EB456", "#93B13D", "#B2AA32", "#CB9C2C", "#D98E2B"),
)
"""Colours of a rate sweep, one for each of its twelve rates; other rates have the colour of the next higher one."""

GREY: Final = "#7F7F7F"
EXTRA_COLOURS: Final = ("#CC79A7", "#E69F00", "#56B4E9", "#B8A800")


def strategy_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each strategy name; names without a fixed colour get the extra colours in their order."""
    names = tuple(dict.fromkeys(names))
    fixed = {name: colour for name in names if (colour := fixed_colour(name))}
    others = [name for name in names if name not in fixed]
    return STRATEGY_COLOURS | fixed | {name: EXTRA_COLOURS[i % len(EXTRA_COLOURS)] for i, name in enumerate(others)}


def fixed_colour(name: str) -> str | None:
    """The fixed colour of a built-in strategy, or of a depth or rate in a sweep (from cold to warm), or None."""
    if (depth := swept_depth(name)) is not None:
        depths = DEFAULT_BASE.sweep_depths
        return DEPTH_COLOURS[min(bisect_left(depths, depth), len(depths) - 1)]
    if (rate := swept_rate(name)) is not None:
        return RATE_COLOURS[min(bisect_left(SWEPT_RATES, rate), len(SWEPT_RATES) - 1)]
    return STRATEGY_COLOURS.get(name)


def run_colours(runs: Sequence[AnyRun]) -> dict[str, str]:
    """A colour for each run, by id. Seeds of one setting share a colour; corrupt runs are grey.

    The oldest setting of a strategy has the strategy's fixed colour, and in a rate sweep so have the settings with
    another dropout: there the colour shows the rate. Every other setting has an extra colour that
    depends on the setting only, so that it mostly stays the same when other runs are shown. If two settings would
    share an extra colour, the later one takes the next free colour.
    """
    preferred: dict[RunConfig, str] = {}
    for run in sorted((run for run in runs if isinstance(run, Run)), key=lambda run: run.id):
        setting, fixed = run.config.without_seeds(), fixed_colour(run.config.strategy.name)
        if setting not in preferred:
            extra = EXTRA_COLOURS[_stable_hash(setting) % len(EXTRA_COLOURS)]
            is_free = fixed not in preferred.values() or fixed in RATE_COLOURS
            preferred[setting] = fixed if fixed and is_free else extra
    assigned = _resolve_conflicts(preferred)
    return {run.id: assigned[run.config.without_seeds()] if isinstance(run, Run) else GREY for run in runs}


def _stable_hash(setting: RunConfig) -> int:
    """A hash that is the same in every process, unlike Python's own hash of strings."""
    return crc32(json.dumps(setting.to_json(), sort_keys=True).encode())


def _resolve_conflicts(preferred: dict[RunConfig, str]) -> dict[RunConfig, str]:
    """The preferred colours. A colour in use is replaced by the next extra one that no setting prefers, if any."""
    free = [colour for colour in EXTRA_COLOURS if colour not in preferred.values()]
    assigned: dict[RunConfig, str] = {}
    for setting, colour in preferred.items():
        if colour in assigned.values() and colour in EXTRA_COLOURS and free:
            start = EXTRA_COLOURS.index(colour)
            colour = min(free, key=lambda other: (EXTRA_COLOURS.index(other) - start) % len(EXTRA_COLOURS))
            free.remove(colour)
        assigned[setting] = colour
    return assigned
