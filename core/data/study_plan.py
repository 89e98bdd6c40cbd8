"""Plan a study: the configuration and the manifest of each of its runs."""

from collections.abc import Sequence
from dataclasses import replace

from core.backbones.weights import SAMPLE_ALPHA, SAMPLE_BASE, SAMPLE_SIZE
from core.data.datasets.dataset import Dataset
from core.data.datasets.split import split
from core.experiment.named_strategies import SharedSettings, all_three
from core.experiment.preset import Preset
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.strategy import Strategy


def plan_study(
    template: RunConfig, strategies: Sequence[Strategy], dataset: Dataset, seeds: Sequence[int] = (0,)
) -> list[tuple[RunConfig, str]]:
    """Return (configuration, manifest as CSV) of each run: every strategy with every seed.

    A seed determines both the split and the training, so runs with the same seed share a split and can be compared in
    pairs. Raises `ValueError` if there is no strategy or no seed, `DataError` if the data set cannot be split.
    """
    if not strategies or not seeds:
        raise ValueError(f"Expected at least one strategy and one seed; received {len(strategies)} and {len(seeds)}.")
    planned = []
    for seed in seeds:
        manifest = split(dataset, seed, template.leak_free).to_csv()
        planned += [(replace(template, strategy=s, seed=seed, split_seed=seed), manifest) for s in strategies]
    return planned


def quick_study(weights: str) -> Preset:
    """Return the three strategies on the sample set, short enough to finish in about a minute on two CPU cores."""
    strategies = all_three(SharedSettings(phase1_epochs=4, phase2_epochs=3))
    template = RunConfig(data=SAMPLE, image_size=SAMPLE_SIZE, alpha=SAMPLE_ALPHA, weights=weights)
    return Preset(strategies, template)


def with_weights(template: RunConfig, weights: str) -> RunConfig:
    """Return the template with these weights; the sample base also sets its width and image size."""
    if weights == SAMPLE_BASE:
        template = replace(template, image_size=SAMPLE_SIZE, alpha=SAMPLE_ALPHA)
    return replace(template, weights=weights)
