"""What models say of a picture: ranked, compared, as rows of a table."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.analysis.calibration import calibrated
from core.analysis.models import TrainedModel

TOP = 3


@dataclass(frozen=True)
class Prediction:
    """What one model says of one picture: a probability, 0 to 1, for each class."""

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]

    @classmethod
    def of(cls, model: TrainedModel, probabilities: np.ndarray) -> "Prediction":
        """From what a model says, (classes,), made honest where its temperature is known."""
        return cls(model.classes, tuple(calibrated(probabilities, model.temperature).tolist()))

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


def prediction_rows(said: Iterable[tuple[str, TrainedModel, Prediction]]) -> list[dict[str, str | float]]:
    """A row for each (file, model, prediction), and a column `p_<class>` for every class of any model."""
    said = list(said)
    classes = dict.fromkeys(f"p_{name}" for _, model, _ in said for name in model.classes)
    return [{"file": file, "run": model.run.id, "strategy": model.run.title, "predicted": prediction.label,
             "probability": round(max(prediction.probabilities), 6)} | dict.fromkeys(classes, "")
            | {f"p_{name}": round(p, 6) for name, p in zip(model.classes, prediction.probabilities, strict=True)}
            for file, model, prediction in said]
