"""What models say of a picture: ranked, compared, as rows of a table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

import numpy as np

from core.analysis.results.trained_models import TrainedModel
from core.analysis.statistics.temperature_scaling import calibrated
from core.data.explain.model_output import ModelOutput

TOP = 3


@dataclass(frozen=True)
class Prediction:
    """What one model says of one picture.

    Args:
        probabilities: 0 to 1, one for each class.
        maps: (rows, columns, classes) uint8; where in the picture each class was found.
        strangeness: above 1 where the picture is unlike those learned from; None where that is not known.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    maps: np.ndarray = field(compare=False, repr=False, default_factory=lambda: np.zeros((1, 1, 0), np.uint8))
    novelty: float | None = None

    @classmethod
    def of(cls, model: TrainedModel, seen: ModelOutput, number: int) -> "Prediction":
        """From what a model sees in picture `number` of several, made honest where its temperature is known."""
        novelty = None if seen.novelty is None else float(seen.novelty[number])
        return cls(
            model.classes,
            tuple(calibrated(seen.probabilities[number], model.temperature).tolist()),
            seen.maps[number],
            novelty,
        )

    @property
    def is_unlike(self) -> bool:
        """Whether the picture is unlike what the model learned from: it knows no class that would fit."""
        return self.novelty is not None and self.novelty > 1

    def heat(self, label: str) -> np.ndarray | None:
        """(rows, columns) uint8, 255 where a class was found most; None for one that the model does not know."""
        return self.maps[..., self.classes.index(label)] if label in self.classes else None

    @property
    def label(self) -> str:
        """The class it finds most likely."""
        return self.top(1)[0][0]

    def top(self, count: int = TOP) -> list[tuple[str, float]]:
        """The most likely classes with their probabilities, the likeliest first."""
        ranked = sorted(zip(self.classes, self.probabilities, strict=True), key=lambda pair: -pair[1])
        return ranked[:count]


def agree(predictions: Sequence[Prediction]) -> bool:
    """Whether all find the same class most likely."""
    return len({prediction.label for prediction in predictions}) <= 1


def agreement(predictions: Sequence[Prediction]) -> str:
    """Whether models agree on a picture, in words; empty where there is only one."""
    if len(predictions) < 2:
        return ""
    (label, most), *others = Counter(prediction.label for prediction in predictions).most_common()
    if not others:
        return f"All agree: {label}"
    return f"They disagree: {most} of {len(predictions)} say {label}" if most > others[0][1] else "They disagree"


def disagreement(predictions: Sequence[Prediction]) -> float:
    """How far apart models are, 0 to 1: the mean over their pairs of the share of probability that they place elsewhere
    (total variation distance).
    """
    said = [dict(zip(prediction.classes, prediction.probabilities, strict=True)) for prediction in predictions]
    return fmean([_apart(one, other) for one, other in combinations(said, 2)] or [0.0])


def _apart(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in {*one, *other}) / 2


def mean_confidence(predictions: Sequence[Prediction]) -> float:
    """How sure models are of the class that each names, on average, 0 to 1."""
    return fmean([max(prediction.probabilities) for prediction in predictions] or [1.0])


def unlike(predictions: Sequence[Prediction]) -> str:
    """Whether a picture is unlike what models learned from, in words; empty where it is not."""
    novel, known = (
        sum(test(prediction) for prediction in predictions)
        for test in (lambda prediction: prediction.is_unlike, lambda prediction: prediction.novelty is not None)
    )
    if not novel:
        return ""
    whom = "" if known == 1 else f" for {novel} of {known} models" if novel < known else " for every model"
    return f"Unlike the training images{whom}"


def prediction_rows(said: Iterable[tuple[str, TrainedModel, Prediction]]) -> list[dict[str, str | float | None]]:
    """A row for each (file, model, prediction), and a column `p_<class>` for every class of any model."""
    said = list(said)
    classes = dict.fromkeys(f"p_{name}" for _, model, _ in said for name in model.classes)
    return [
        {
            "file": file,
            "run": model.run.id,
            "strategy": model.run.title,
            "predicted": prediction.label,
            "probability": round(max(prediction.probabilities), 6),
            "strangeness": None if prediction.novelty is None else round(prediction.novelty, 3),
        }
        | dict.fromkeys(classes)
        | {f"p_{name}": round(p, 6) for name, p in zip(model.classes, prediction.probabilities, strict=True)}
        for file, model, prediction in said
    ]
