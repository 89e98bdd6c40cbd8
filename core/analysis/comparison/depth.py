"""Depth curve: settings that differ only in the number of base layers that their last phase unfreezes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from core.analysis.comparison.replicates import Group
from core.analysis.results.summary import Summary
from core.analysis.text import join_words
from core.backbones.backbone import Backbone
from core.backbones.registry import backbones
from core.experiment.guidelines import Guideline, layers_to_unfreeze
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun, Run
from core.experiment.strategy import Strategy

MIN_DEPTHS = 3
"""Smallest number of depths that makes a curve."""

MIN_SEEDS = 5
"""Smallest number of seeds whose range says something: with fewer, ranges are often apart by chance."""


@dataclass(frozen=True)
class Depth:
    """Results of one depth, one value per seed: test accuracy, seconds of training, and gap (training minus validation
    accuracy; runs without one are left out).
    """

    layers: int
    accuracies: tuple[float, ...]
    seconds: tuple[float, ...]
    gaps: tuple[float, ...]

    @property
    def accuracy(self) -> float:
        return fmean(self.accuracies)


def depth_curve(groups: Sequence[Group], runs: Sequence[AnyRun], rows: Sequence[Summary]) -> tuple[Depth, ...]:
    """Depths of the largest set of settings that differ only in depth, from the head alone upwards.

    Returns () if there are fewer than `MIN_DEPTHS`.
    """
    configs = {run.id: run.config for run in runs if isinstance(run, Run)}
    summaries = {row.id: row for row in rows}
    comparable: dict[RunConfig, dict[int, Group]] = {}
    for group in groups:
        config = configs.get(group.results[0].run_id)
        if config and config.base in backbones() and not config.strategy.is_from_scratch:
            depths = comparable.setdefault(_without_depth(config), {})
            layers = config.counted_strategy.phases[-1].unfreeze
            results = depths[layers].results if layers in depths else ()  # same phases, strategy with another name
            depths[layers] = replace(group, results=results + group.results)
    largest = max(comparable.values(), key=len, default={})
    if len(largest) < MIN_DEPTHS:
        return ()
    return tuple(_depth(layers, group, summaries) for layers, group in sorted(largest.items()))


def _without_depth(config: RunConfig) -> RunConfig:
    """Remove seeds, the strategy's name and the depth of the last phase, so that the rest can be compared."""
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


def common_base(runs: Sequence[AnyRun]) -> Backbone | None:
    """The base of all runs that have one; None if they have several, or one that is no longer there."""
    names = {run.config.base for run in runs if isinstance(run, Run) and not run.config.strategy.is_from_scratch}
    return backbones().get(names.pop()) if len(names) == 1 else None


def guideline_depth(groups: Sequence[Group], base: Backbone) -> Guideline | None:
    """Recommended number of layers of a base to unfreeze for the number of images; None if that number is unknown."""
    images = next((result.split.images for group in groups for result in group.results if result.split.images), None)
    return layers_to_unfreeze(images, base)


def describe_depths(depths: Sequence[Depth]) -> str:
    """Name the depth with the best test accuracy and describe whether its range over seeds overlaps with others."""
    best = max(depths, key=lambda depth: depth.accuracy)
    result = f"{_depth_name(best.layers)} did best: {100 * best.accuracy:.1f}% on the test images."
    if any(len(depth.accuracies) < MIN_SEEDS for depth in depths):
        return f"{result} Not all depths have {MIN_SEEDS} seeds, so the shape of the curve may be chance."
    close = [depth.layers for depth in depths if depth is not best and max(depth.accuracies) >= min(best.accuracies)]
    if not close:
        return f"{result} Its worst seed did better than the best seed of any other depth."
    return (
        f"{result} Its range over seeds overlaps with those at {join_words(close)} layers; see Differences for tests."
    )


def _depth_name(layers: int) -> str:
    return f"Unfreezing the top {layers} layers" if layers else "The head alone"
