"""Colour means strategy, on every page and chart: Okabe-Ito, told apart by colour-blind people."""

import json
from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

from core.experiment.run import Run, RunConfig

STRATEGY_COLOURS: Final = {"feature-extraction": "#0072B2", "fine-tuning": "#D55E00", "two-phase": "#009E73",
                           "baseline-cnn": "#7F7F7F"}
GREY: Final = "#7F7F7F"
FURTHER: Final = ("#CC79A7", "#E69F00", "#56B4E9", "#B8A800")


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each strategy name; names of no fixed colour take the further ones in their order."""
    others = [name for name in dict.fromkeys(names) if name not in STRATEGY_COLOURS]
    return STRATEGY_COLOURS | {name: FURTHER[i % len(FURTHER)] for i, name in enumerate(others)}


def run_colours(runs: Sequence[Run]) -> dict[str, str]:
    """A colour for each run, by id, decided by what the run is; runs without a readable configuration are grey.

    Seeds of one setting share a colour. The oldest setting of a strategy among these runs has the strategy's colour;
    every other setting, and every strategy of no fixed colour, has a further one that follows from the setting alone.
    So two things hang on which runs these are: which setting is its strategy's oldest, and that of two settings that
    would share a further colour the later takes the next free one.
    """
    asked: dict[RunConfig, str] = {}
    for run in sorted((run for run in runs if run.config), key=lambda run: run.id):
        setting, own = run.config.without_seeds(), STRATEGY_COLOURS.get(run.config.strategy.name)
        if setting not in asked:
            asked[setting] = own if own and own not in asked.values() else FURTHER[_number(setting) % len(FURTHER)]
    given = _apart(asked)
    return {run.id: given[run.config.without_seeds()] if run.config else GREY for run in runs}


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
