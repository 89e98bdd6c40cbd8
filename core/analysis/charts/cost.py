"""Scatter chart of test accuracy over training time or trainable parameters."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.analysis.charts.common import LEGEND_BELOW, plain_text
from core.analysis.charts.palette import GREY
from core.analysis.comparison.cost import TRAINING_TIME, Cost, frontier
from core.analysis.comparison.replicates import Group
from core.analysis.text import percent

_HEIGHT, _NAME_LENGTH = 320, 40
_MAX_NAMED = 12
"""Largest number of settings in the legend; of more, the names are shown where the pointer is."""


def cost_chart(groups: Sequence[Group], colours: Mapping[str, str], cost: Cost = TRAINING_TIME) -> go.Figure:
    """Draw one mark per setting: mean test accuracy over cost, with the range over seeds.

    A dotted line joins the settings on the frontier: those that no cheaper setting reaches in accuracy.

    Args:
        colours: colour of each run, by id.
    """
    best_value = frontier(groups, cost)
    figure = go.Figure(
        go.Scatter(
            x=[cost.amount(group) / cost.unit for group in best_value],
            y=[group.accuracy for group in best_value],
            mode="lines",
            name="Frontier",
            line={"color": GREY, "dash": "dot", "width": 1.5},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    for group in groups:
        _add_mark(figure, group, colours.get(group.results[0].run_id, GREY), cost)
    figure.update_layout(height=_HEIGHT, margin={"l": 10, "r": 20, "t": 10, "b": 10}, legend=LEGEND_BELOW)
    figure.update_layout(showlegend=len(groups) <= _MAX_NAMED)
    figure.update_xaxes(title={"text": cost.title}, rangemode="tozero", fixedrange=True)
    figure.update_yaxes(title={"text": "Test accuracy"}, tickformat=".0%", fixedrange=True)
    return figure


def _add_mark(figure: go.Figure, group: Group, colour: str, cost: Cost) -> None:
    name, mean = plain_text(group.name, _NAME_LENGTH), group.accuracy
    seed_range = (
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
        x=[cost.amount(group) / cost.unit],
        y=[mean],
        mode="markers",
        name=name,
        error_y=seed_range,
        marker={"color": colour, "size": 13},
        hovertemplate=f"{name}: {percent(mean)}, {cost.format(cost.amount(group))}<extra></extra>",
    )
