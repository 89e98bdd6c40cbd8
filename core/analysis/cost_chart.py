"""Accuracy beside what it costs to train: which settings are worth their time, and what one more point costs."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import plotly.graph_objects as go

from core.analysis.charts import plain_text
from core.analysis.palette import GREY
from core.analysis.replicates import Group
from core.analysis.words import duration, inside, listed, percent

_HEIGHT, _NAME_LENGTH = 320, 40


def frontier(groups: Sequence[Group]) -> list[Group]:
    """The settings that no other beats in time without being less accurate, the quickest first."""
    best: list[Group] = []
    for group in sorted(groups, key=lambda group: (group.seconds, -group.accuracy)):
        if not best or group.accuracy > best[-1].accuracy:
            best.append(group)
    return best


def cost_chart(groups: Sequence[Group], hues: Mapping[str, str]) -> go.Figure:
    """A mark a setting: mean test accuracy over mean training time, with the range over its seeds; the frontier joined.

    Args:
        hues: a colour for each run, by id.
    """
    line = frontier(groups)
    figure = go.Figure(go.Scatter(
        x=[group.seconds / 60 for group in line], y=[group.accuracy for group in line], mode="lines", name="Frontier",
        line={"color": GREY, "dash": "dot", "width": 1.5}, hoverinfo="skip", showlegend=False))
    for group in groups:
        _add(figure, group, hues.get(group.results[0].run_id, GREY))
    figure.update_layout(height=_HEIGHT, margin={"l": 10, "r": 20, "t": 10, "b": 10},
                         legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"})
    figure.update_xaxes(title={"text": "Minutes of training"}, rangemode="tozero", fixedrange=True)
    figure.update_yaxes(title={"text": "Test accuracy"}, tickformat=".0%", fixedrange=True)
    return figure


def _add(figure: go.Figure, group: Group, colour: str) -> None:
    name, mean = plain_text(group.name, _NAME_LENGTH), group.accuracy
    spread = {"type": "data", "symmetric": False, "array": [max(group.accuracies) - mean],
              "arrayminus": [mean - min(group.accuracies)], "color": colour} if len(group.results) > 1 else None
    figure.add_scatter(x=[group.seconds / 60], y=[mean], mode="markers", name=name, error_y=spread,
                       marker={"color": colour, "size": 13},
                       hovertemplate=f"{name}: {percent(mean)}, {duration(group.seconds)}<extra></extra>")


def cost_in_words(groups: Sequence[Group]) -> str:
    """What each step along the frontier gains and takes; of settings that are not on it, that others beat them."""
    line = frontier(groups)
    steps = [f"{slower.name} gains {100 * (slower.accuracy - quicker.accuracy):.1f} points over "
             f"{inside(quicker.name)} for {duration(slower.seconds - quicker.seconds)} more: "
             f"{duration((slower.seconds - quicker.seconds) / (100 * (slower.accuracy - quicker.accuracy)))} a point."
             for quicker, slower in pairwise(line)]
    beaten = [inside(group.name) for group in groups if group not in line]
    if beaten:
        steps.append(f"Others are as accurate in less time as {listed(beaten)}.")
    return " ".join(steps)
