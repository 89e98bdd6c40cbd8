"""Colour means strategy, on every page and chart: Okabe-Ito, told apart by colour-blind people."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.strategy import DEPTHS, swept_depth

STRATEGY_COLOURS: Final = {
    "feature-extraction": "#0072B2",
    "fine-tuning": "#D55E00",
    "two-phase": "#009E73",
    "baseline-cnn": "#7F7F7F",
}
DEPTH_COLOURS: Final = ("#5B6ABF", "#3F8FC4", "#2AA8A8", "#3DB57A", "#8AB33F", "#C2A52A", "#D98E2B")
"""Of a sweep over depths, a colour up to each of `DEPTHS`."""

GREY: Final = "#7F7F7F"
FURTHER: Final = ("#CC79A7", "#E69F00", "#56B4E9", "#B8A800")


def strategy_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each strategy name; names of no fixed colour take the further ones in their order."""
    names = tuple(dict.fromkeys(names))
    fixed = {name: own for name in names if (own := own_colour(name))}
    others = [name for name in names if name not in fixed]
    return STRATEGY_COLOURS | fixed | {name: FURTHER[i % len(FURTHER)] for i, name in enumerate(others)}


def own_colour(name: str) -> str | None:
    """The fixed colour of a strategy: the three have one, and each depth of a sweep, from cold to warm."""
    if (depth := swept_depth(name)) is not None:
        return DEPTH_COLOURS[min(bisect_left(DEPTHS, depth), len(DEPTHS) - 1)]
    return STRATEGY_COLOURS.get(name)


def run_colours(runs: Sequence[AnyRun]) -> dict[str, str]:
    """A colour for each run, by id, decided by what the run is; runs without a readable configuration are grey.

    Seeds of one setting share a colour. The oldest setting of a strategy among these runs has the strategy's colour;
    every other setting, and every strategy of no fixed colour, has a further one that follows from the setting alone.
    So two things hang on which runs these are: which setting is its strategy's oldest, and that of two settings that
    would share a further colour the later takes the next free one.
    """
    asked: dict[RunConfig, str] = {}
    for run in sorted((run for run in runs if isinstance(run, Run)), key=lambda run: run.id):
        setting, own = run.config.without_seeds(), own_colour(run.config.strategy.name)
        if setting not in asked:
            asked[setting] = own if own and own not in asked.values() else FURTHER[_number(setting) % len(FURTHER)]
    given = _apart(asked)
    return {run.id: given[run.config.without_seeds()] if isinstance(run, Run) else GREY for run in runs}


def _number(setting: RunConfig) -> int:
    """The same in every process: Python's own hashes of texts are not."""
    return crc32(json.dumps(setting.to_json(), sort_keys=True).encode())


def _apart(asked: dict[RunConfig, str]) -> dict[RunConfig, str]:
    """Colours as asked for; who asks for one that is given takes the next that nobody asks for, while there is one."""
    free = [colour for colour in FURTHER if colour not in asked.values()]
    given: dict[RunConfig, str] = {}
    for setting, colour in asked.items():
        if colour in given.values() and free:
            start = FURTHER.index(colour)
            colour = min(free, key=lambda other: (FURTHER.index(other) - start) % len(FURTHER))
            free.remove(colour)
        given[setting] = colour
    return given
