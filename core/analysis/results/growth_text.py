"""Describe a growing study in one line."""

from core.analysis.text import count, join_words
from core.experiment.growth_limits import GrowthLimits
from core.experiment.runs.growth import Growth, GrowthState


def describe_growth(growth: Growth, with_finding: bool = True) -> str:
    """`Judged with 5 seeds each (time 2 of 5). Two-phase did best on the test images: ... Goes on to 7 seeds.`"""
    if not growth.looks:
        if growth.state is GrowthState.GROWING:
            return describe_limits(growth.limits)
        return f"{_describe_first(growth.limits)} {_describe_next(growth)}"
    look, number = growth.looks[-1], len(growth.looks)
    last = number + sum(seeds > look.seeds for seeds in growth.limits.looks)
    begin = f"Judged with {count(look.seeds, 'seed')} each (time {number} of {last})."
    finding = look.finding if with_finding else ""
    return " ".join(part for part in (begin, finding, _describe_left(growth), _describe_next(growth)) if part)


def describe_limits(limits: GrowthLimits) -> str:
    """`3 seeds of each strategy first. More are added until the best strategy is known, at most 20 seeds each.`"""
    if not limits.looks[1:]:
        return _describe_first(limits)
    most = f"at most {limits.max_seeds} seeds each"
    time = "" if limits.minutes is None else f", or {limits.minutes:g} minutes of training"
    return f"{_describe_first(limits)} More are added until the best strategy is known, {most}{time}."


def _describe_first(limits: GrowthLimits) -> str:
    return f"{count(limits.looks[0], 'seed')} of each strategy first."


def _describe_left(growth: Growth) -> str:
    left = [strategy.title for strategy in growth.strategies if strategy not in growth.in_race]
    return f"Not trained further: {join_words(left)}." if left and growth.state is GrowthState.GROWING else ""


def _describe_next(growth: Growth) -> str:
    if growth.state is GrowthState.GROWING:
        return f"Goes on to {count(growth.seeds, 'seed')}."
    end = "No more seeds will be added" if growth.state is GrowthState.STOPPED else "The study has ended"
    return f"{end}: {growth.reason.removesuffix('.')}."
