"""Accuracy and cost: settings on the cost-accuracy frontier, and the cost of one more point of accuracy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.analysis.comparison.replicates import Group
from core.analysis.results.summary import Summary
from core.analysis.text import duration, join_words, lower_first, millions

_MAX_DESCRIBED = 8
"""Largest number of settings that are all described: seven depths and the baseline."""


@dataclass(frozen=True)
class Cost:
    """A kind of cost, such as training time.

    Args:
        title: of the chart's axis.
        amount: computes the cost of a setting.
        unit: divisor from amounts to units of the axis, e.g. 60 from seconds to minutes.
        format: writes an amount as text.
    """

    title: str
    amount: Callable[[Group], float]
    unit: float
    format: Callable[[float], str]


TRAINING_TIME = Cost("Minutes of training", lambda group: group.seconds, 60, duration)


def parameter_cost(rows: Sequence[Summary]) -> Cost:
    """Cost counted in trainable parameters of the last phase, from the runs' summaries."""
    parameters = {row.id: row.trainable_parameters or 0 for row in rows}
    return Cost(
        "Millions of trainable parameters",
        lambda group: parameters[group.results[0].run_id],
        1e6,
        lambda number: f"{millions(round(number))} parameters",
    )


def frontier(groups: Sequence[Group], cost: Cost = TRAINING_TIME) -> list[Group]:
    """Settings that are more accurate than every cheaper setting (the Pareto frontier), the cheapest first."""
    best: list[Group] = []
    for group in sorted(groups, key=lambda group: (cost.amount(group), -group.accuracy)):
        if not best or group.accuracy > best[-1].accuracy:
            best.append(group)
    return best


def describe_cost(groups: Sequence[Group], cost: Cost = TRAINING_TIME) -> str:
    """Describe the gain and cost of each step along the frontier, and name the settings that are not on it.

    Of many settings, only the last step is described, and those that are not on the frontier are counted.
    """
    best = frontier(groups, cost)
    sentences = [_describe_step(cheaper, costlier, cost) for cheaper, costlier in pairwise(best)]
    if len(groups) > _MAX_DESCRIBED:
        others = f"{len(groups) - len(best)} of the {len(groups)} settings cost no less than others and are no more "
        return " ".join([*sentences[-1:], f"{others}accurate."])
    inferior = [group.name for group in groups if group not in best]
    if inferior:
        names = join_words([inferior[0], *map(lower_first, inferior[1:])])
        costs, are = ("costs", "is") if len(inferior) == 1 else ("cost", "are")
        sentences.append(f"{names} {costs} no less than others and {are} no more accurate.")
    return " ".join(sentences)


def _describe_step(cheaper: Group, costlier: Group, cost: Cost) -> str:
    points, more = 100 * (costlier.accuracy - cheaper.accuracy), cost.amount(costlier) - cost.amount(cheaper)
    return (
        f"{costlier.name} has {points:.1f} points more than {lower_first(cheaper.name)}, for {cost.format(more)} more: "
        f"{cost.format(more / points)} per point, if the difference is real."
    )
