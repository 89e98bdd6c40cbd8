"""Export the models of several seeds as one ONNX file whose output is the mean of their calibrated probabilities."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from core.experiment.export_formats import (
    ENSEMBLE_FORMAT,
    MODEL_FILE,
    ExportedFile,
    model_hash,
)
from core.experiment.runs.errors import first_line
from core.learning.export.measurement import (
    MAX_MEASURED,
    ExportError,
    Measured,
    export_once,
    keras_runner,
    load_images,
    measure,
    read_predictions,
    unmeasured,
)
from core.learning.export.writers import evenly_spaced, onnx_runner
from core.learning.inference.predictor import load_model
from core.learning.inputs.run_inputs import read_manifest
from core.learning.inputs.training_data import TrainingData
from core.learning.network.onnx_writer import UnknownLayer, ensemble_to_onnx
from core.machine.files import atomic_draft

MIN_HELD_OUT, MAX_COMPARED = 20, 50
"""With fewer than `MIN_HELD_OUT` images that no member was trained on, the file is compared with Keras on at most
`MAX_COMPARED` test images of the first member, which Keras then has to predict with each member."""


Member = tuple[Path, float]
"""One model of an ensemble: the folder of its run, and its temperature."""


def export_ensemble(members: Sequence[Member], held_out: Mapping[str, str]) -> ExportedFile:
    """Write the models of these runs into one file in the folder of the first, measure it, and save the result.

    Args:
        members: at least two, with the same classes, in the order in which they are stored.
        held_out: what the Keras models together predict for the images that no member was trained on, by path. The
            accuracy is measured on these. If there are fewer than `MIN_HELD_OUT`, the file is only compared with Keras,
            on images of the first member's test part.

    A file that is up to date and measured is not written again. Raises `ExportError`, `ModelFileError`; then no file is
    left.
    """
    return export_once(ENSEMBLE_FORMAT, [run for run, _ in members], lambda: _export(members, held_out))


def _export(members: Sequence[Member], held_out: Mapping[str, str]) -> ExportedFile:
    runs = [run for run, _ in members]
    held_out = held_out if len(held_out) >= MIN_HELD_OUT else {}
    rows, models = read_predictions(runs[0]), [load_model(run / MODEL_FILE) for run in runs]
    _expect_same_inputs(runs, models)
    data = load_images(runs[0], models[0].input_shape[1], rows)
    numbers = _numbers(data, held_out)
    measured = _write_and_measure(members, models, data, numbers)
    path = ENSEMBLE_FORMAT.path(runs[0])
    file = unmeasured(ENSEMBLE_FORMAT, "", model_hash(*runs), path, len(data.test))
    if measured is None:
        return file
    labels = data.test.labels[numbers]
    if held_out:
        expected = np.array([data.classes.index(held_out[data.test.items[number].path]) for number in numbers])
    else:
        expected = _predict_with_keras(members, models, data, numbers)
    return replace(
        file,
        images=len(numbers),
        accuracy=float(np.mean(measured.predicted == labels)) if held_out else None,
        keras_accuracy=float(np.mean(expected == labels)) if held_out else None,
        agreement=float(np.mean(measured.predicted == expected)),
        milliseconds=measured.milliseconds,
        not_measured="",
    )


def _expect_same_inputs(runs: Sequence[Path], models: Sequence[keras.Model]) -> None:
    """Raise `ExportError` unless all models have the same shapes and read images with the same white values."""
    shapes = {(model.input_shape, model.output_shape) for model in models}
    if len(models) < 2 or len(shapes) > 1:
        raise ExportError(
            "Expected two models or more with the same image size and classes; received "
            f"{len(models)} with {len(shapes)} different shapes. Export single runs."
        )
    try:
        scales = {read_manifest(run).scales for run in runs}
    except (OSError, ValueError):
        return  # the file is then exported unmeasured, as that of a single run
    if len(scales) > 1:
        raise ExportError(
            "Expected seeds that read images of more than 8 bits with the same white value; received different ones. "
            "Export single runs."
        )


def _numbers(data: TrainingData, held_out: Mapping[str, str]) -> np.ndarray:
    """Numbers of the test images to measure the file on."""
    if not held_out:
        return evenly_spaced(len(data.test), MAX_COMPARED)
    available = np.array([number for number, item in enumerate(data.test.items) if item.path in held_out], int)
    chosen: np.ndarray = available[evenly_spaced(len(available), MAX_MEASURED)]
    return chosen


def _write_and_measure(
    members: Sequence[Member], models: Sequence[keras.Model], data: TrainingData, numbers: np.ndarray
) -> Measured | None:
    """Write the file and measure it; it is kept only if neither fails."""
    path = ENSEMBLE_FORMAT.path(members[0][0])
    path.parent.mkdir(exist_ok=True)
    pairs = [(model, temperature) for model, (_, temperature) in zip(models, members, strict=True)]
    metadata = {
        "classes": json.dumps(data.classes),
        "pixels": "RGB, 0 to 255",
        "runs": json.dumps([run.name for run, _ in members]),
    }
    try:
        with atomic_draft(path) as draft:
            draft.write_bytes(ensemble_to_onnx(pairs, metadata))
            return measure(onnx_runner(draft), data.test, numbers)
    except UnknownLayer as error:
        raise ExportError(
            f"Expected models that can be written as ONNX; received: {first_line(error)} Export single runs."
        ) from error


def _predict_with_keras(
    members: Sequence[Member], models: Sequence[keras.Model], data: TrainingData, numbers: np.ndarray
) -> np.ndarray:
    """(numbers,) classes that the Keras models together predict."""
    predicted = []
    runners = [keras_runner(model) for model in models]
    for number in numbers:
        pixels = data.test.pixels[np.array([number])][0]
        scaled = [_calibrated(run(pixels), temperature) for run, (_, temperature) in zip(runners, members, strict=True)]
        predicted.append(int(np.mean(scaled, axis=0).argmax()))
    return np.array(predicted)


def _calibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    powers = np.maximum(probabilities, 1e-12) ** (1 / temperature)
    scaled: np.ndarray = powers / powers.sum()
    return scaled
