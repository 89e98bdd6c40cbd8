"""Predictions of models for an image: ranked classes, agreement between models, rows of a table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

import numpy as np

from core.analysis.results.ensemble import AnyModel
from core.analysis.results.trained_models import TrainedModel
from core.analysis.statistics.temperature_scaling import calibrated
from core.data.explain.model_output import ModelOutput

TOP = 3
"""Default number of most probable classes to show."""


@dataclass(frozen=True)
class Prediction:
    """Prediction of one model for one image.

    Args:
        probabilities: 0 to 1, one for each class.
        heat_maps: (rows, columns, classes) uint8; the image regions that support each class.
        novelty: novelty score; above 1 if the image is unlike the training images, None if unknown.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    heat_maps: np.ndarray = field(compare=False, repr=False, default_factory=lambda: np.zeros((1, 1, 0), np.uint8))
    novelty: float | None = None

    @classmethod
    def from_output(cls, model: TrainedModel, output: ModelOutput, index: int) -> "Prediction":
        """Take image `index` from a batch of model outputs and scale it by the model's temperature, if it is known."""
        novelty = None if output.novelty is None else float(output.novelty[index])
        return cls(
            model.classes,
            tuple(calibrated(output.probabilities[index], model.temperature).tolist()),
            output.heat_maps[index],
            novelty,
        )

    @property
    def is_novel(self) -> bool:
        """Whether the image is unlike the training images, so that probably none of the classes fits."""
        return self.novelty is not None and self.novelty > 1

    def heat_map(self, label: str) -> np.ndarray | None:
        """(rows, columns) uint8, 255 in the region that supports the class most; None for a class the model lacks."""
        return self.heat_maps[..., self.classes.index(label)] if label in self.classes else None

    @property
    def label(self) -> str:
        """The predicted class: the most probable one."""
        return self.top(1)[0][0]

    def top(self, count: int = TOP) -> list[tuple[str, float]]:
        """The `count` most probable classes with their probabilities, the most probable first."""
        ranked = sorted(zip(self.classes, self.probabilities, strict=True), key=lambda pair: -pair[1])
        return ranked[:count]


def mean_prediction(predictions: Sequence[Prediction]) -> Prediction:
    """The prediction of an ensemble: the means of its members' probabilities, heat maps and novelty scores.

    Args:
        predictions: at least one, all with the same classes and shape of heat maps.
    """
    first, *others = predictions
    if not others:
        return first
    scores = [prediction.novelty for prediction in predictions if prediction.novelty is not None]
    return Prediction(
        first.classes,
        tuple(np.mean([prediction.probabilities for prediction in predictions], axis=0).tolist()),
        np.rint(np.mean([prediction.heat_maps for prediction in predictions], axis=0)).astype(np.uint8),
        fmean(scores) if len(scores) == len(predictions) else None,
    )


def agree(predictions: Sequence[Prediction]) -> bool:
    """Whether all predictions are the same class."""
    return len({prediction.label for prediction in predictions}) <= 1


def agreement_message(predictions: Sequence[Prediction]) -> str:
    """Describe whether the models agree on an image; empty for fewer than two."""
    if len(predictions) < 2:
        return ""
    (label, most), *others = Counter(prediction.label for prediction in predictions).most_common()
    if not others:
        return f"All agree: {label}"
    return f"They disagree: {most} of {len(predictions)} predict {label}" if most > others[0][1] else "They disagree"


def disagreement(predictions: Sequence[Prediction]) -> float:
    """Disagreement between models, 0 to 1: mean total variation distance of their probabilities over all pairs."""
    distributions = [dict(zip(prediction.classes, prediction.probabilities, strict=True)) for prediction in predictions]
    return fmean([_total_variation(first, second) for first, second in combinations(distributions, 2)] or [0.0])


def _total_variation(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    return sum(abs(first.get(name, 0.0) - second.get(name, 0.0)) for name in {*first, *second}) / 2


def mean_confidence(predictions: Sequence[Prediction]) -> float:
    """Mean over the models of the probability of their predicted class, 0 to 1."""
    return fmean([max(prediction.probabilities) for prediction in predictions] or [1.0])


def novelty_message(predictions: Sequence[Prediction]) -> str:
    """Describe for how many models an image is unlike the training images; empty if for none."""
    novel = sum(prediction.is_novel for prediction in predictions)
    scored = sum(prediction.novelty is not None for prediction in predictions)
    if not novel:
        return ""
    models = "" if scored == 1 else f" for {novel} of {scored} models" if novel < scored else " for every model"
    return f"Unlike the training images{models}"


def prediction_rows(
    predictions: Iterable[tuple[str, AnyModel, Prediction]],
) -> list[dict[str, str | float | None]]:
    """One table row per (file, model, prediction), with a column `p_<class>` for every class of any model."""
    predictions = list(predictions)
    class_columns = dict.fromkeys(f"p_{name}" for _, model, _ in predictions for name in model.classes)
    rows: list[dict[str, str | float | None]] = []
    for file, model, prediction in predictions:
        row: dict[str, str | float | None] = {
            "file": file,
            "run": " ".join(member.run.id for member in model.members),
            "strategy": model.title,
            "predicted": prediction.label,
            "probability": round(max(prediction.probabilities), 6),
            "novelty": None if prediction.novelty is None else round(prediction.novelty, 3),
        }
        row.update(class_columns)
        row.update({f"p_{name}": round(p, 6) for name, p in zip(model.classes, prediction.probabilities, strict=True)})
        rows.append(row)
    return rows
