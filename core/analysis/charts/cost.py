"""Accuracy beside what it costs: which settings are worth it, and what one more point costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import plotly.graph_objects as go

from core.analysis.charts.common import LEGEND_BELOW, plain_text
from core.analysis.charts.palette import GREY
from core.analysis.comparison.replicates import Group
from core.analysis.results.summary import Summary
from core.analysis.text import duration, inside, listed, millions, percent

_HEIGHT, _NAME_LENGTH = 320, 40


@dataclass(frozen=True)
class Cost:
    """Something that accuracy costs: the title of its axis, what a setting takes, the axis' unit, amounts in words."""

    title: str
    of: Callable[[Group], float]
    unit: float
    told: Callable[[float], str]


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


def cost_chart(groups: Sequence[Group], hues: Mapping[str, str], cost: Cost = TRAINING_TIME) -> go.Figure:
    """A mark a setting: mean test accuracy over its cost, with the range over its seeds; the frontier joined.

    Args:
        hues: a colour for each run, by id.
    """
    line = frontier(groups, cost)
    figure = go.Figure(
        go.Scatter(
            x=[cost.of(group) / cost.unit for group in line],
            y=[group.accuracy for group in line],
            mode="lines",
            name="Frontier",
            line={"color": GREY, "dash": "dot", "width": 1.5},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    for group in groups:
        _add(figure, group, hues.get(group.results[0].run_id, GREY), cost)
    figure.update_layout(height=_HEIGHT, margin={"l": 10, "r": 20, "t": 10, "b": 10}, legend=LEGEND_BELOW)
    figure.update_xaxes(title={"text": cost.title}, rangemode="tozero", fixedrange=True)
    figure.update_yaxes(title={"text": "Test accuracy"}, tickformat=".0%", fixedrange=True)
    return figure


def _add(figure: go.Figure, group: Group, colour: str, cost: Cost) -> None:
    name, mean = plain_text(group.name, _NAME_LENGTH), group.accuracy
    spread = (
        {
            "type": "data",
            "symmetric": False,
            "array": [max(group.accuracies) - mean],
            "arrayminus": [mean - min(group.accuracies)],
            "color": colour,
        }
        if len(group.results) > 1
        else None
    )
    figure.add_scatter(
        x=[cost.of(group) / cost.unit],
        y=[mean],
        mode="markers",
        name=name,
        error_y=spread,
        marker={"color": colour, "size": 13},
        hovertemplate=f"{name}: {percent(mean)}, {cost.told(cost.of(group))}<extra></extra>",
    )


def cost_in_words(groups: Sequence[Group], cost: Cost = TRAINING_TIME) -> str:
    """What each step along the frontier gains and takes; of settings that are not on it, that others beat them."""
    line = frontier(groups, cost)
    steps = [_step(cheaper, dearer, cost) for cheaper, dearer in pairwise(line)]
    beaten = [group.name for group in groups if group not in line]
    if beaten:
        who = listed([beaten[0], *map(inside, beaten[1:])])
        costs, are = ("costs", "is") if len(beaten) == 1 else ("cost", "are")
        steps.append(f"{who} {costs} no less than others and {are} no more accurate.")
    return " ".join(steps)


def _step(cheaper: Group, dearer: Group, cost: Cost) -> str:
    points, more = 100 * (dearer.accuracy - cheaper.accuracy), cost.of(dearer) - cost.of(cheaper)
    return (
        f"{dearer.name} gains {points:.1f} points over {inside(cheaper.name)} for {cost.told(more)} more: "
        f"{cost.told(more / points)} a point."
    )
