"""The test split, measured once."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core.experiment.files import write_whole
from core.learning.activations import Activations
from core.learning.data import Batches, Images, Rows, TrainingData
from core.learning.model import model_above
from core.learning.temperature import fit_temperature


def evaluate(model: keras.Model, data: TrainingData, batch_size: int,
             activations: Activations | None = None) -> tuple[dict[str, Any], np.ndarray]:
    """What the model says of the test split: (the content of evaluation.json, probabilities (images, classes)).

    With `activations` it starts from what they hold of the part that never trained, in full precision. The
    temperature is that of the validation split.
    """
    above = model_above(model, activations.lowest) if activations else model

    def said(images: Images, rows: Rows | None) -> np.ndarray:
        rows = rows or (lambda numbers, epoch: images.pixels[numbers])
        return above.predict(Batches(rows, images.labels, batch_size), verbose=0)

    temperature = fit_temperature(said(data.validation, activations and activations.last(data.validation)),
                                  data.validation.labels)
    probabilities = said(data.test, activations and activations.exact(data.test))
    confusion = confusion_matrix(data.test.labels, probabilities.argmax(axis=1), len(data.classes))
    per_class = {name: scores for name, scores in zip(data.classes, class_scores(confusion), strict=True)}
    return {"split": "test", "images": len(data.test), "accuracy": float(np.trace(confusion) / confusion.sum()),
            "macro_f1": float(np.mean([scores["f1"] for scores in per_class.values()])), "temperature": temperature,
            "classes": list(data.classes), "per_class": per_class, "confusion": confusion.tolist()}, probabilities


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) counts: a row a true class, a column a predicted one."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(confusion: np.ndarray) -> list[dict[str, float]]:
    """Precision, recall, F1 and the number of images of each class; 0 where one is undefined."""
    right, true, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return [{"precision": _ratio(r, s), "recall": _ratio(r, t), "f1": _ratio(2 * r, s + t), "images": int(t)}
            for r, t, s in zip(right, true, said, strict=True)]


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0


def write_evaluation(folder: Path, evaluation: dict[str, Any], probabilities: np.ndarray, data: TrainingData) -> None:
    """Write predictions.csv, then evaluation.json, each whole."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["path", "label", "predicted", *(f"p_{name}" for name in data.classes)])
    for item, row in zip(data.test.items, probabilities, strict=True):
        writer.writerow([item.path, item.label, data.classes[row.argmax()], *(f"{p:.9g}" for p in row)])
    write_whole(folder / "predictions.csv", text.getvalue(), durable=True)
    write_whole(folder / "evaluation.json", json.dumps(evaluation, indent=1), durable=True)
