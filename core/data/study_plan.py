"""Plan a study: the configuration and the manifest of each of its runs."""

from collections.abc import Sequence
from dataclasses import replace

from core.backbones.weights import SAMPLE_BASE
from core.data.datasets.changed_images import expect_unchanged
from core.data.datasets.dataset import Dataset
from core.data.datasets.folds import split_with, why_not_in_turn
from core.data.datasets.groups import with_groups
from core.experiment.named_strategies import SharedSettings, all_three
from core.experiment.preset import Preset
from core.experiment.run_config import IN_TURN, RANDOM, SAMPLE, RunConfig
from core.experiment.strategy import Strategy


def plan_study(
    template: RunConfig,
    strategies: Sequence[Strategy],
    dataset: Dataset,
    seeds: Sequence[int] = (0,),
    dropouts: Sequence[float] = (),
) -> list[tuple[RunConfig, str]]:
    """Return (configuration, manifest as CSV) of each run: every strategy with every seed.

    With `dropouts`, every strategy is trained with each of them instead of the template's.

    A seed determines both the split and the training, so runs with the same seed share a split and can be compared in
    pairs. Where test parts in turn are not possible they are random (see `resolve_test_parts`). Raises `ValueError` if
    there is no strategy, no seed or no such base, or a setting that only runs of earlier versions may have; `DataError`
    if the groups do not fit the data set, it cannot be split, or an image has changed since it was scanned.
    """
    template.backbone  # noqa: B018 - raises if it is unknown
    if not strategies or not seeds:
        raise ValueError(f"Expected at least one strategy and one seed; received {len(strategies)} and {len(seeds)}.")
    template = replace(template, batch_size=int(template.batch_size))  # a new run may not repeat an earlier version's 1
    dataset = with_groups(dataset, template.groups)
    template, _ = resolve_test_parts(template, dataset)
    return plan_runs(template, strategies, dataset, seeds, dropouts)


def plan_runs(
    template: RunConfig,
    strategies: Sequence[Strategy],
    dataset: Dataset,
    seeds: Sequence[int],
    dropouts: Sequence[float] = (),
) -> list[tuple[RunConfig, str]]:
    """Like `plan_study`, for images with their groups and a template whose test parts are possible."""
    manifests = {seed: split_with(template.test_parts, dataset, seed, template.leak_free) for seed in seeds}
    if dataset.scanned is not None:
        advice = "Start again: the folder is then read anew."
        expect_unchanged(dataset.root, manifests[seeds[0]].items, dataset.scanned, advice)
    return [
        (replace(template, strategy=strategy, seed=seed, split_seed=seed, dropout=dropout), manifest)
        for seed, manifest in ((seed, manifest.to_csv()) for seed, manifest in manifests.items())
        for dropout in dropouts or (template.dropout,)
        for strategy in strategies
    ]


def resolve_test_parts(template: RunConfig, dataset: Dataset) -> tuple[RunConfig, str]:
    """Return the template with the test parts that the data set allows, and why they are not in turn as the template
    says; "" if they are. The groups of the template are already in the data set.
    """
    if template.test_parts != IN_TURN or not (reason := why_not_in_turn(dataset, template.seed, template.leak_free)):
        return template, ""
    return replace(template, test_parts=RANDOM), f"Test parts are not in turn: {reason}."


def quick_study(weights: str) -> Preset:
    """Return the three strategies on the sample set, short enough to finish in about a minute on two CPU cores."""
    strategies = all_three(SharedSettings(phase1_epochs=4, phase2_epochs=3))
    return Preset(strategies, replace(with_weights(RunConfig(data=SAMPLE), SAMPLE_BASE), weights=weights))


def with_weights(template: RunConfig, weights: str) -> RunConfig:
    """Return the template with these weights; the sample base also sets its width and image size."""
    sample = template.backbone.sample
    if weights == SAMPLE_BASE and sample:
        template = replace(template, image_size=sample.image_size, alpha=sample.width)
    return replace(template, weights=weights)
