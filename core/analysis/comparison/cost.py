"""Accuracy against its cost: which settings are worth it, and what one more point costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.analysis.comparison.replicates import Group
from core.analysis.results.summary import Summary
from core.analysis.text import duration, join_words, mid_sentence, millions


@dataclass(frozen=True)
class Cost:
    """Something that accuracy costs: the title of its axis, what a setting takes, the axis' unit, amounts in words."""

    title: str
    of: Callable[[Group], float]
    unit: float
    format: Callable[[float], str]


TRAINING_TIME = Cost("Minutes of training", lambda group: group.seconds, 60, duration)


def trained_parameters(rows: Sequence[Summary]) -> Cost:
    """Parameters that train in the last phase, known from each run's summary."""
    known = {row.id: row.trainable_parameters or 0 for row in rows}
    return Cost(
        "Millions of parameters that train",
        lambda group: known[group.results[0].run_id],
        1e6,
        lambda number: f"{millions(round(number))} parameters",
    )


def frontier(groups: Sequence[Group], cost: Cost = TRAINING_TIME) -> list[Group]:
    """The settings that no cheaper one reaches in accuracy, the cheapest first."""
    best: list[Group] = []
    for group in sorted(groups, key=lambda group: (cost.of(group), -group.accuracy)):
        if not best or group.accuracy > best[-1].accuracy:
            best.append(group)
    return best


def describe_cost(groups: Sequence[Group], cost: Cost = TRAINING_TIME) -> str:
    """What each step along the frontier gains and takes; of settings that are not on it, that others beat them."""
    line = frontier(groups, cost)
    steps = [_step(cheaper, dearer, cost) for cheaper, dearer in pairwise(line)]
    beaten = [group.name for group in groups if group not in line]
    if beaten:
        who = join_words([beaten[0], *map(mid_sentence, beaten[1:])])
        costs, are = ("costs", "is") if len(beaten) == 1 else ("cost", "are")
        steps.append(f"{who} {costs} no less than others and {are} no more accurate.")
    return " ".join(steps)


def _step(cheaper: Group, dearer: Group, cost: Cost) -> str:
    points, more = 100 * (dearer.accuracy - cheaper.accuracy), cost.of(dearer) - cost.of(cheaper)
    return (
        f"{dearer.name} gains {points:.1f} points over {mid_sentence(cheaper.name)} for {cost.format(more)} more: "
        f"{cost.format(more / points)} a point."
    )
