"""Read the figures of evaluation.json; damaged values count as not measured."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class EvaluationFigures:
    """Figures on the test images. Shares are 0 to 1; a value that was not measured is None, or its class is left out.

    Args:
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
    return EvaluationFigures(
        _share(content.get("accuracy")),
        _share(content.get("macro_f1")),
        _count(content.get("images")),
        classes,
        {name: f1 for name, score in scores.items() if (f1 := _share(score.get("f1"))) is not None},
        {name: images for name, score in scores.items() if (images := _count(score.get("images"))) is not None},
        _matrix(content.get("confusion"), len(classes)),
        _positive(content.get("temperature")),
    )


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
