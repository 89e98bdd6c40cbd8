"""Colour means strategy, on every page and chart: Okabe-Ito, told apart by colour-blind people."""

from collections.abc import Iterable
from typing import Final

STRATEGY_COLOURS: Final = {"feature-extraction": "#0072B2", "fine-tuning": "#D55E00", "two-phase": "#009E73",
                           "baseline-cnn": "#7F7F7F"}
FURTHER: Final = ("#CC79A7", "#E69F00", "#56B4E9", "#B8A800")


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each strategy name; names of no fixed colour take the further ones in their order."""
    others = [name for name in dict.fromkeys(names) if name not in STRATEGY_COLOURS]
    return STRATEGY_COLOURS | {name: FURTHER[i % len(FURTHER)] for i, name in enumerate(others)}
