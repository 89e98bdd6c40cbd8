"""The unfreeze-depth curve: settings that differ in nothing but how deep their last phase opens the base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from core.analysis.comparison.replicates import Group
from core.analysis.results.summary import Summary
from core.analysis.text import join_words
from core.experiment.guidelines import Guideline, layers_to_unfreeze
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.strategy import Strategy

LEAST_DEPTHS = 3
"""Fewer are no curve."""


@dataclass(frozen=True)
class Depth:
    """What came of one depth: test accuracy, seconds of training and gap (training minus validation) of each seed."""

    layers: int
    accuracies: tuple[float, ...]
    seconds: tuple[float, ...]
    gaps: tuple[float, ...]

    @property
    def accuracy(self) -> float:
        return fmean(self.accuracies)


def depth_curve(groups: Sequence[Group], runs: Sequence[AnyRun], rows: Sequence[Summary]) -> tuple[Depth, ...]:
    """The depths of the largest set of settings that differ in nothing else, from the head upwards; () for fewer than
    `LEAST_DEPTHS`.
    """
    configs, summaries = {run.id: run.config for run in runs if isinstance(run, Run)}, {row.id: row for row in rows}
    alike: dict[RunConfig, dict[int, Group]] = {}
    for group in groups:
        config = configs.get(group.results[0].run_id)
        if config and not config.strategy.is_from_scratch:
            depths, layers = alike.setdefault(_but_for_depth(config), {}), config.strategy.phases[-1].unfreeze
            results = depths[layers].results if layers in depths else ()  # the same phases under another name
            depths[layers] = replace(group, results=results + group.results)
    largest = max(alike.values(), key=len, default={})
    if len(largest) < LEAST_DEPTHS:
        return ()
    return tuple(_depth(layers, group, summaries) for layers, group in sorted(largest.items()))


def _but_for_depth(config: RunConfig) -> RunConfig:
    *first, last = config.strategy.phases
    return replace(config.without_seeds(), strategy=Strategy("any", (*first, replace(last, unfreeze=0))))


def _depth(layers: int, group: Group, summaries: Mapping[str, Summary]) -> Depth:
    rows = [summaries[result.run_id] for result in group.results]
    return Depth(
        layers,
        tuple(group.accuracies),
        tuple(result.seconds for result in group.results),
        tuple(row.gap for row in rows if row.gap is not None),
    )


def guideline_depth(groups: Sequence[Group]) -> Guideline | None:
    """How many layers the course would open for so many images; None where nobody knows how many there are."""
    images = next((result.split.images for group in groups for result in group.results if result.split.images), None)
    return layers_to_unfreeze(images) if images else None


def describe_depths(depths: Sequence[Depth]) -> str:
    """Which depth did best on the test images, and whether its range of seeds stands apart."""
    best = max(depths, key=lambda depth: depth.accuracy)
    said = f"{_named(best.layers)} did best: {100 * best.accuracy:.1f}% on the test images."
    if any(len(depth.accuracies) < 2 for depth in depths):
        return f"{said} Not all have several seeds: the curve's bends may be chance."
    close = [depth.layers for depth in depths if depth is not best and max(depth.accuracies) >= min(best.accuracies)]
    if not close:
        return f"{said} Its worst seed did better than the best of any other depth."
    return f"{said} Its range of seeds overlaps with those at {join_words(close)}; Differences says what is settled."


def _named(layers: int) -> str:
    return f"The top {layers} layers open" if layers else "The head alone"
