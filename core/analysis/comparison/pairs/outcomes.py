"""Which of the test images that two settings share each of them classifies correctly, from saved predictions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.analysis.comparison.replicates import Group, Replicate, SavedPredictions, saved_predictions
from core.experiment.runs.run_store import RunStore

ReplicatePair = tuple[Replicate, Replicate]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Which test images two settings classify correctly, in one seed.

    Args:
        images: (images,) integers; the same image has the same number in all seeds.
        labels: (images,) true classes.
        first, second: (images,) share of the setting's trainings with this seed that classify the image correctly.
        are_same_models: whether the trainings of both ended as the same model.
    """

    images: np.ndarray
    labels: np.ndarray
    first: np.ndarray
    second: np.ndarray
    are_same_models: bool

    def of_class(self, label: str) -> "Outcomes":
        """The outcomes for the images of one class."""
        chosen = self.labels == label
        return replace(
            self,
            images=self.images[chosen],
            labels=self.labels[chosen],
            first=self.first[chosen],
            second=self.second[chosen],
        )


def shared_outcomes(store: RunStore, first: Group, second: Group) -> list[Outcomes]:
    """Outcomes for each seed of which both settings have saved predictions for the same images. Raises `NoSuchRun`."""
    numbers: dict[str, int] = {}
    saved = [_saved(store, pair) for pair in shared_replicates(first, second)]
    return [_outcomes(*predictions, numbers) for predictions in saved if predictions]


def shared_replicates(first: Group, second: Group) -> list[ReplicatePair]:
    """The replicates that two settings have in common."""
    replicates, others = first.replicates(), second.replicates()
    return [(replicates[key], others[key]) for key in replicates if key in others]


def _saved(store: RunStore, pair: ReplicatePair) -> tuple[list[SavedPredictions], list[SavedPredictions]] | None:
    """Saved predictions of all runs of two replicates; None if some are missing or are for other images."""
    first, second = ([saved_predictions(store, result.run_id) for result in results] for results in pair)
    known = [saved for saved in (*first, *second) if saved is not None]
    if len(known) < len(first) + len(second) or len({saved.paths for saved in known}) > 1:
        return None
    return known[: len(first)], known[len(first) :]


def _outcomes(
    first: Sequence[SavedPredictions], second: Sequence[SavedPredictions], numbers: dict[str, int]
) -> Outcomes:
    """Outcomes of one seed. Paths that are new get a number in `numbers`."""
    return Outcomes(
        np.array([numbers.setdefault(path, len(numbers)) for path in first[0].paths]),
        np.array(first[0].labels),
        np.asarray(np.mean([run.correct for run in first], axis=0)),
        np.asarray(np.mean([run.correct for run in second], axis=0)),
        bool(first[0].classes) and np.array_equal(first[0].probabilities, second[0].probabilities),
    )
