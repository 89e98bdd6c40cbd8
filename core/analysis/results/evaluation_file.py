"""Read the figures of evaluation.json; damaged values count as not measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np

from core.analysis.text import percent
from core.experiment.guidelines import is_unbalanced


@dataclass(frozen=True)
class EvaluationFigures:
    """Figures on the test images. Shares are 0 to 1; a value that was not measured is None, or its class is left out.

    Args:
        macro_f1, balanced_accuracy: mean F1 and mean recall over the classes that have test images.
        f1: by class.
        images: number of test images by class.
        confusion: (classes, classes) counts, one row per true class, one column per predicted class.
        temperature: for temperature scaling of the probabilities.
    """

    accuracy: float | None = None
    macro_f1: float | None = None
    test_images: int | None = None
    classes: tuple[str, ...] = ()
    f1: Mapping[str, float] = field(default_factory=dict)
    images: Mapping[str, int] = field(default_factory=dict)
    confusion: np.ndarray | None = None
    temperature: float | None = None
    balanced_accuracy: float | None = None

    @property
    def largest_class(self) -> tuple[str, float] | None:
        """The class with the most test images and its share of them; None if the numbers are unknown or equal.

        Of several largest classes it is the first by name.
        """
        total = sum(self.images.values())
        if not total or len(self.images) < len(self.classes) or len(set(self.images.values())) == 1:
            return None
        name = min(self.images, key=lambda label: (-self.images[label], label))
        return name, self.images[name] / total

    @property
    def is_unbalanced(self) -> bool:
        """Whether accuracy depends mostly on the large classes, so that balanced accuracy belongs beside it."""
        return is_unbalanced(self.images.values())


def describe_accuracy(figures: EvaluationFigures) -> str:
    """`98.9%`, followed by ` (balanced 50.0%)` if the classes of the test images are very unequal."""
    balanced = f" (balanced {percent(figures.balanced_accuracy)})" if figures.is_unbalanced else ""
    return f"{percent(figures.accuracy)}{balanced}"


def evaluation_figures(evaluation: Mapping[str, Any] | None) -> EvaluationFigures:
    """Convert the content of evaluation.json; without it (None) all figures are missing."""
    content = evaluation or {}
    names = content.get("classes")
    classes = tuple(map(str, names)) if isinstance(names, list) else ()
    per_class = content.get("per_class")
    scores = (
        {name: per_class[name] for name in classes if isinstance(per_class.get(name), dict)}
        if isinstance(per_class, dict)
        else {}
    )
    images = {name: number for name, score in scores.items() if (number := _count(score.get("images"))) is not None}
    f1, recall = (
        {name: value for name, score in scores.items() if (value := _share(score.get(measure))) is not None}
        for measure in ("f1", "recall")
    )
    return EvaluationFigures(
        _share(content.get("accuracy")),
        _mean_over_tested(f1, images, classes, _share(content.get("macro_f1"))),
        _count(content.get("images")),
        classes,
        f1,
        images,
        _matrix(content.get("confusion"), len(classes)),
        _positive(content.get("temperature")),
        _mean_over_tested(recall, images, classes, _share(content.get("balanced_accuracy"))),
    )


def _mean_over_tested(
    scores: Mapping[str, float], images: Mapping[str, int], classes: Sequence[str], stored: float | None
) -> float | None:
    """Mean score of the classes that have test images; `stored` if the scores of some classes are unknown.

    Earlier versions stored no balanced accuracy, and a macro F1 that counted classes without test images as 0.
    """
    tested = [scores[name] for name in classes if images.get(name) and name in scores]
    is_complete = tested and all(name in images and name in scores for name in classes)
    return fmean(tested) if is_complete else stored


def _share(value: object) -> float | None:
    number = _finite(value)
    return number if number is not None and 0 <= number <= 1 else None


def _positive(value: object) -> float | None:
    number = _finite(value)
    return number if number is not None and number > 0 else None


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _matrix(rows: object, classes: int) -> np.ndarray | None:
    try:
        matrix = np.array(rows, dtype=float)
    except (TypeError, ValueError):
        return None
    is_valid = classes and matrix.shape == (classes, classes) and np.isfinite(matrix).all() and (matrix >= 0).all()
    return matrix.astype(int) if is_valid else None
