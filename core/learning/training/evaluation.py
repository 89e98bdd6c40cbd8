"""Evaluation on the test split, once, at the end of a run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from core.learning.inference.novelty import NoveltyReference
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.training_data import Images, InputLoader, TrainingData
from core.learning.network.cut_points import CutPoint, is_pooled
from core.learning.network.run_network import RunNetwork
from core.learning.training.head_phase import predict_head
from core.learning.training.temperature import fit_temperature
from core.machine.files import write_atomically

if TYPE_CHECKING:
    import keras

_Predict = Callable[[Images, InputLoader], tuple[np.ndarray, np.ndarray]]


class EvaluationResult(NamedTuple):
    """The content of evaluation.json, the test probabilities (images, classes), and the novelty reference."""

    evaluation: dict[str, Any]
    probabilities: np.ndarray
    novelty_reference: NoveltyReference | None


def evaluate(
    network: RunNetwork | keras.Model,
    data: TrainingData,
    batch_size: int,
    frozen_features: FrozenFeatures | None = None,
) -> EvaluationResult:
    """Evaluate a network on the test split; fit its temperature and novelty reference on the validation split.

    With `frozen_features`, layers that never trained are not computed again; test features are in full precision.
    """
    if frozen_features:
        cut_point = frozen_features.lowest_cut_point
        validation = frozen_features.last_validation_inputs(data.validation)
        test = frozen_features.test_inputs(data.test)
    else:
        cut_point, validation, test = None, _pixels(data.validation), _pixels(data.test)
    predict = _predictor(network, cut_point, batch_size)
    features, probabilities = predict(data.validation, validation)
    novelty_reference = NoveltyReference.from_features(features)
    temperature = fit_temperature(probabilities, data.validation.labels)
    _, probabilities = predict(data.test, test)
    evaluation = scores(probabilities, data.test.labels, data.classes, temperature)
    return EvaluationResult(evaluation, probabilities, novelty_reference)


def _predictor(network: RunNetwork | keras.Model, cut_point: CutPoint | None, batch_size: int) -> _Predict:
    """Return a function from images and their inputs to (pooled features, probabilities), in NumPy or in Keras."""
    if isinstance(network, RunNetwork) and is_pooled(cut_point):
        head = network.head
        return lambda images, inputs: predict_head(head, len(images), inputs, batch_size)
    return _keras_predictor(network.model if isinstance(network, RunNetwork) else network, cut_point, batch_size)


def _keras_predictor(model: keras.Model, cut_point: CutPoint | None, batch_size: int) -> _Predict:
    from core.learning.inputs.batches import Batches  # Keras takes seconds to import
    from core.learning.network.trained_part import trained_part_with_features

    part = trained_part_with_features(model, cut_point)

    def predict(images: Images, inputs: InputLoader) -> tuple[np.ndarray, np.ndarray]:
        features, probabilities = part.predict(Batches.of(inputs, images.labels, batch_size), verbose=0)
        return features, probabilities

    return predict


def _pixels(images: Images) -> InputLoader:
    return lambda numbers, epoch: images.pixels[numbers]


def scores(
    probabilities: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], temperature: float
) -> dict[str, Any]:
    """Compute the content of evaluation.json from probabilities (images, classes) and labels (images,).

    Macro F1 and balanced accuracy, which is the mean recall (Brodersen et al. 2010), are means over the classes that
    have test images.
    """
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), len(classes))
    per_class = dict(zip(classes, class_scores(confusion), strict=True))
    tested = [of_class for of_class in per_class.values() if of_class["images"]]  # the others have no recall
    return {
        "split": "test",
        "images": len(labels),
        "accuracy": float(np.trace(confusion) / confusion.sum()),
        "balanced_accuracy": float(np.mean([of_class["recall"] for of_class in tested])),
        "macro_f1": float(np.mean([of_class["f1"] for of_class in tested])),
        "temperature": temperature,
        "classes": list(classes),
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count the images (classes, classes): one row per true class, one column per predicted class."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(confusion: np.ndarray) -> list[dict[str, float]]:
    """Compute precision, recall, F1 and the number of images of each class; undefined scores are 0."""
    correct, true, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return [
        {"precision": _ratio(c, p), "recall": _ratio(c, t), "f1": _ratio(2 * c, p + t), "images": int(t)}
        for c, t, p in zip(correct, true, predicted, strict=True)
    ]


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0


def write_evaluation(folder: Path, result: EvaluationResult, data: TrainingData) -> None:
    """Write familiar.npz if there is a novelty reference, predictions.csv, then evaluation.json, each atomically."""
    if result.novelty_reference:
        result.novelty_reference.save(folder)
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["path", "label", "predicted", *(f"p_{name}" for name in data.classes)])
    for item, row in zip(data.test.items, result.probabilities, strict=True):
        writer.writerow([item.path, item.label, data.classes[row.argmax()], *(f"{p:.9g}" for p in row)])
    write_atomically(folder / "predictions.csv", text.getvalue(), durable=True)
    write_atomically(folder / "evaluation.json", json.dumps(result.evaluation, indent=1), durable=True)
