"""The test split, measured once."""

import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from core.learning.inference.novelty import NoveltyReference
from core.learning.network.trained_part import trained_part_with_features
from core.learning.training.batches import Batches, Images, Rows, TrainingData
from core.learning.training.frozen_features import FrozenFeatures
from core.learning.training.temperature import fit_temperature
from core.machine.files import write_whole


class EvaluationResult(NamedTuple):
    """The content of evaluation.json, probabilities (images, classes), and what is familiar to the model."""

    evaluation: dict[str, Any]
    probabilities: np.ndarray
    novelty_reference: NoveltyReference | None


def evaluate(
    model: keras.Model, data: TrainingData, batch_size: int, activations: FrozenFeatures | None = None
) -> EvaluationResult:
    """What the model says of the test split.

    With `activations` it starts from what they hold of the part that never trained, in full precision. The
    temperature, and what is familiar, are those of the validation split.
    """
    above = trained_part_with_features(model, activations.lowest if activations else None)

    def said(images: Images, rows: Rows | None) -> tuple[np.ndarray, np.ndarray]:
        rows = rows or (lambda numbers, epoch: images.pixels[numbers])
        return above.predict(Batches(rows, images.labels, batch_size), verbose=0)

    features, probabilities = said(data.validation, activations and activations.last(data.validation))
    novelty_reference, temperature = (
        NoveltyReference.of(features),
        fit_temperature(probabilities, data.validation.labels),
    )
    _, probabilities = said(data.test, activations and activations.exact(data.test))
    confusion = confusion_matrix(data.test.labels, probabilities.argmax(axis=1), len(data.classes))
    per_class = {name: scores for name, scores in zip(data.classes, class_scores(confusion), strict=True)}
    evaluation = {
        "split": "test",
        "images": len(data.test),
        "accuracy": float(np.trace(confusion) / confusion.sum()),
        "macro_f1": float(np.mean([scores["f1"] for scores in per_class.values()])),
        "temperature": temperature,
        "classes": list(data.classes),
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }
    return EvaluationResult(evaluation, probabilities, novelty_reference)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) counts: a row a true class, a column a predicted one."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(confusion: np.ndarray) -> list[dict[str, float]]:
    """Precision, recall, F1 and the number of images of each class; 0 where one is undefined."""
    right, true, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return [
        {"precision": _ratio(r, s), "recall": _ratio(r, t), "f1": _ratio(2 * r, s + t), "images": int(t)}
        for r, t, s in zip(right, true, said, strict=True)
    ]


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0


def write_evaluation(folder: Path, judged: EvaluationResult, data: TrainingData) -> None:
    """Write familiar.npz where there is something to write, predictions.csv, then evaluation.json, each whole."""
    if judged.novelty_reference:
        judged.novelty_reference.save(folder)
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["path", "label", "predicted", *(f"p_{name}" for name in data.classes)])
    for item, row in zip(data.test.items, judged.probabilities, strict=True):
        writer.writerow([item.path, item.label, data.classes[row.argmax()], *(f"{p:.9g}" for p in row)])
    write_whole(folder / "predictions.csv", text.getvalue(), durable=True)
    write_whole(folder / "evaluation.json", json.dumps(judged.evaluation, indent=1), durable=True)
