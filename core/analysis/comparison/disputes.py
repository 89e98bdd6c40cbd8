"""Test images on which models disagree, or which all of them get wrong: the surest mistakes first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.analysis.comparison.replicates import SavedPredictions, saved_predictions, split_of
from core.data.datasets.scan import DataError, data_folder, find_root
from core.experiment.runs.run import AnyRun, Run
from core.experiment.runs.run_store import RunStore


@dataclass(frozen=True)
class Answer:
    """What one run said of an image. `confidence` is 0 to 1, None where it was not written down."""

    named: str
    confidence: float | None
    is_right: bool


@dataclass(frozen=True)
class Dispute:
    """One test image, its true class, and each run's answer by the run's id."""

    path: str
    label: str
    answers: dict[str, Answer]

    @property
    def only_right(self) -> str | None:
        """The id of the one run that named it right; None where there is not exactly one."""
        right = [run_id for run_id, answer in self.answers.items() if answer.is_right]
        return right[0] if len(right) == 1 else None

    @property
    def mistakes(self) -> set[tuple[str, str]]:
        """(true class, class it was taken for) by whichever run."""
        return {(self.label, answer.named) for answer in self.answers.values() if not answer.is_right}


@dataclass(frozen=True)
class Disputes:
    """Images in question, and of which runs: all that were tested on the images of the first.

    `root` is the folder of the images, None where it is not there any more.
    """

    runs: tuple[Run, ...]
    root: Path | None
    disagreed: tuple[Dispute, ...]
    all_wrong: tuple[Dispute, ...]


def disputes(store: RunStore, runs: Sequence[AnyRun]) -> Disputes:
    """What the runs' answers to their test images say beside each other. Raises `NoSuchRun`."""
    known = [(run, said) for run in runs if (said := saved_predictions(store, run.id))]
    if not known:
        return Disputes((), None, (), ())
    first, of_first = known[0]
    test = split_of(store, first).test
    together = [
        (run, said) for run, said in known if said.paths == of_first.paths and split_of(store, run).test == test
    ]
    named = np.array([said.named for _, said in together])
    wrong = ~np.array([said.right for _, said in together])
    return Disputes(
        tuple(run for run, _ in together),
        _root(first),
        _worst_first(np.flatnonzero((named != named[0]).any(axis=0)), together),
        _worst_first(np.flatnonzero(wrong.all(axis=0)), together),
    )


def mistaken_pairs(found: Sequence[Dispute]) -> list[tuple[tuple[str, str], int]]:
    """((true class, class it was taken for), on how many images), the most frequent first."""
    return Counter(pair for one in found for pair in sorted(one.mistakes)).most_common()


def _worst_first(numbers: np.ndarray, together: Sequence[tuple[AnyRun, SavedPredictions]]) -> tuple[Dispute, ...]:
    return tuple(sorted((_dispute(int(number), together) for number in numbers), key=_worst, reverse=True))


def _dispute(number: int, together: Sequence[tuple[AnyRun, SavedPredictions]]) -> Dispute:
    said = together[0][1]
    return Dispute(
        said.paths[number], said.labels[number], {run.id: _answer(number, answers) for run, answers in together}
    )


def _answer(number: int, said: SavedPredictions) -> Answer:
    confidence = float(said.confidence[number])
    return Answer(said.named[number], None if np.isnan(confidence) else confidence, bool(said.right[number]))


def _worst(one: Dispute) -> float:
    """How sure the surest mistake was."""
    return max((answer.confidence or 0.0 for answer in one.answers.values() if not answer.is_right), default=-1.0)


def _root(run: AnyRun) -> Path | None:
    try:
        return find_root(data_folder(run.config.data)) if isinstance(run, Run) else None
    except (DataError, OSError):
        return None
