"""From what a person asked for to the runs of a study, each with its own manifest."""

from collections.abc import Sequence
from dataclasses import replace

from core.backbones.weights import SAMPLE_ALPHA, SAMPLE_BASE, SAMPLE_SIZE
from core.data.datasets.scan import Dataset
from core.data.datasets.split import split
from core.experiment.preset import Preset
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.strategy import STRATEGIES, Strategy, with_settings


def plan_study(
    template: RunConfig, strategies: Sequence[Strategy], dataset: Dataset, seeds: Sequence[int] = (0,)
) -> list[tuple[RunConfig, str]]:
    """(configuration, manifest text) of each run: every strategy at every seed, on the same split for the same seed.

    Replicate r divides the pictures and trains with seed r, so that strategies pair up within it. Raises
    `ValueError` without a strategy or a seed, `DataError` where the data set cannot be divided.
    """
    if not strategies or not seeds:
        raise ValueError(f"Expected at least one strategy and one seed; received {len(strategies)} and {len(seeds)}.")
    planned = []
    for seed in seeds:
        manifest = split(dataset, seed, template.leak_free).to_csv()
        planned += [(replace(template, strategy=s, seed=seed, split_seed=seed), manifest) for s in strategies]
    return planned


def quick_study(weights: str) -> Preset:
    """The three strategies on the sample set at settings that end in about a minute on two CPU cores."""
    strategies = tuple(with_settings(strategy, 4, 3, 1e-3, 1e-4, 30) for strategy in STRATEGIES.values())
    template = RunConfig(data=SAMPLE, image_size=SAMPLE_SIZE, alpha=SAMPLE_ALPHA, weights=weights)
    return Preset(strategies, template)


def with_weights(template: RunConfig, weights: str) -> RunConfig:
    """The template with these weights; the sample base has a width and a size of its own."""
    if weights == SAMPLE_BASE:
        template = replace(template, image_size=SAMPLE_SIZE, alpha=SAMPLE_ALPHA)
    return replace(template, weights=weights)
