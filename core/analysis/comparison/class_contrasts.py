"""Differences between two settings class by class, on the test images that both have."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.analysis.comparison.pairs.outcomes import Outcomes, shared_outcomes
from core.analysis.comparison.replicates import Group
from core.analysis.statistics.image_errors import image_differences
from core.analysis.statistics.multiple_comparisons import ERROR_RATE
from core.analysis.statistics.paired_models import Pairing, paired_interval
from core.analysis.statistics.wilson_interval import Interval
from core.experiment.runs.run_store import RunStore


@dataclass(frozen=True)
class ClassContrast:
    """Difference between two settings in the share of a class's test images classified correctly (first minus second).

    Args:
        interval: 95%, adjusted for the number of classes (Bonferroni). Over several seeds by the model of the verdict,
            for one training each Newcombe's for paired proportions, which is about the two models.
        images: number of test images of the class, summed over the seeds.
    """

    label: str
    difference: float
    interval: Interval
    images: int


def class_contrasts(store: RunStore, first: Group, second: Group) -> list[ClassContrast]:
    """Compare two settings class by class, the largest gain of the first one first.

    Returns [] if they share no test images or have no saved predictions. Raises `NoSuchRun`.
    """
    outcomes = shared_outcomes(store, first, second)
    labels = sorted({label for seed in outcomes for label in seed.labels})
    found = [_contrast(label, outcomes, second.test_to_train, len(labels)) for label in labels]
    return sorted(found, key=lambda contrast: (-contrast.difference, contrast.label))


def _contrast(label: str, outcomes: Sequence[Outcomes], overlap: float, classes: int) -> ClassContrast:
    seeds = [seed for outcome in outcomes if (seed := outcome.of_class(label)).images.size]
    confidence = 1 - ERROR_RATE / classes
    images = sum(seed.images.size for seed in seeds)
    if len(seeds) == 1:
        pairing = Pairing.from_correct(seeds[0].first > 0.5, seeds[0].second > 0.5)
        return ClassContrast(label, pairing.difference, paired_interval(pairing, confidence), images)
    found = image_differences([seed.images for seed in seeds], [seed.first - seed.second for seed in seeds])
    posterior = found.posterior(overlap)
    return ClassContrast(label, posterior.mean, posterior.interval(confidence), images)
