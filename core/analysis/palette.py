"""Colour means strategy, on every page and chart: Okabe-Ito, told apart by colour-blind people."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

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
    """A colour for each run, by id: that of its strategy.

    Where a strategy comes in several settings, the oldest keeps the strategy's colour and the others take the further
    ones. Seeds of one setting share a colour; runs without a readable configuration are grey.
    """
    settings: dict[RunConfig, str] = {}
    free, taken = list(FURTHER), set[str]()
    for run in sorted((run for run in runs if run.config), key=lambda run: run.id):
        setting = replace(run.config, seed=0, split_seed=0)
        if setting not in settings:
            own = STRATEGY_COLOURS.get(run.config.strategy.name)
            settings[setting] = own if own and own not in taken else free[0]
            taken.add(settings[setting])
            if settings[setting] == free[0]:
                free.append(free.pop(0))
    return {run.id: settings[replace(run.config, seed=0, split_seed=0)] if run.config else GREY for run in runs}
