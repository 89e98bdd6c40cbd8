"""What evaluation.json says of a run, read with patience: a damaged part counts as not measured."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class EvaluationFigures:
    """Figures on the test images. Shares are 0 to 1; None, or a class left out, stands for what was not measured.

    `f1` and `images` go by class; `confusion` is (classes, classes) counts, a row a true class, a column a predicted.
    `temperature` makes probabilities honest (`calibration.py`).
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
    """The content of an evaluation.json as figures; nothing of it where there is none."""
    found = evaluation or {}
    names = found.get("classes")
    classes = tuple(map(str, names)) if isinstance(names, list) else ()
    scores = found.get("per_class")
    scores = {name: scores[name] for name in classes if isinstance(scores, dict) and isinstance(scores.get(name), dict)}
    return EvaluationFigures(
        _share(found.get("accuracy")),
        _share(found.get("macro_f1")),
        _count(found.get("images")),
        classes,
        {name: f1 for name, of in scores.items() if (f1 := _share(of.get("f1"))) is not None},
        {name: images for name, of in scores.items() if (images := _count(of.get("images"))) is not None},
        _matrix(found.get("confusion"), len(classes)),
        _positive(found.get("temperature")),
    )


def _share(value: object) -> float | None:
    return float(value) if _is_number(value) and 0 <= value <= 1 else None


def _positive(value: object) -> float | None:
    return float(value) if _is_number(value) and value > 0 else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _matrix(rows: object, classes: int) -> np.ndarray | None:
    try:
        matrix = np.array(rows, dtype=float)
    except (TypeError, ValueError):
        return None
    whole = classes and matrix.shape == (classes, classes) and np.isfinite(matrix).all() and (matrix >= 0).all()
    return matrix.astype(int) if whole else None
