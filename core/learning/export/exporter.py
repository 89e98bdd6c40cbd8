"""Export a trained model to a file for use elsewhere, and measure that file on test images if they can be read."""

import csv
import io
import json
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from threading import Lock
from typing import NamedTuple

import keras
import numpy as np

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.dataset import DataError
from core.data.datasets.images.decode import UnreadableImage
from core.data.datasets.split import Manifest
from core.experiment.export_formats import (
    FORMATS,
    MODEL_FILE,
    ExportedFile,
    ExportFormat,
    load_exported_file,
    measurement_path,
)
from core.experiment.run_config import RunConfig
from core.experiment.runs.errors import first_line
from core.learning.export.writers import RUNNERS, WRITERS, Runner, Writer, evenly_spaced
from core.learning.inference.predictor import load_model
from core.learning.training.batches import Images, TrainingData, load_data
from core.learning.training.run_inputs import open_images, read_manifest
from core.machine.devices import cpu
from core.machine.files import atomic_draft, read_json, sha256, write_atomically

MAX_MEASURED = 1_000
"""The most test images on which an exported file is measured, spread evenly over the split."""

_IMAGES_GONE = "the test images of the run can no longer be read"
_LIST_GONE = "manifest.csv or config.json of the run is missing or damaged, so its test images are unknown"
"""Why a file was not measured."""

_LOCK = Lock()
"""One export at a time: a second request for the same file gets the result of the first; timings are undisturbed."""


class ExportError(ValueError):
    """A model cannot be exported, or not in this format."""


def export_model(run: Path, name: str) -> ExportedFile:
    """Write the model in the folder `run` in the format `name`, measure that file on test images and save the result.

    If the images or their list are no longer there, the file is exported without being measured, and its record says
    so. A file that is up to date and measured is not written again. Raises `ExportError`, `ModelFileError`; then no
    file is left.
    """
    export_format = _find_format(name)
    with _LOCK:
        exported = load_exported_file(export_format, run)
        if exported is None or exported.not_measured:
            exported = _export(export_format, run)
        write_atomically(measurement_path(export_format, run), json.dumps(exported.to_json(), indent=1))
    return exported


def _export(export_format: ExportFormat, run: Path) -> ExportedFile:
    """Write and measure the file. Of several kinds of file, use the first that agrees with Keras, else the last."""
    model, path, rows = load_model(run / MODEL_FILE), export_format.path(run), _read_predictions(run)
    data = _load_images(run, model.input_shape[1], rows)
    numbers = evenly_spaced(len(data.test), MAX_MEASURED)
    labels, keras_predicted = (
        np.array([data.classes.index(rows[number][key]) for number in numbers]) for key in ("label", "predicted")
    )
    measurement_path(export_format, run).parent.mkdir(exist_ok=True)
    if export_format.name == "keras":
        measured, kind = _measure(_keras_runner(model), data.test, numbers), ""
    for name, write in WRITERS.get(export_format.name, {}).items():
        measured, kind = _write_and_measure(write, export_format, model, data, path, numbers), name
        if measured is None or np.mean(measured.predicted == keras_predicted) >= export_format.min_agreement:
            break
    file = ExportedFile(
        export_format.name,
        kind,
        sha256(run / MODEL_FILE),
        path.stat().st_size,
        *(0, None, None, None, None),
        cpu().name,
        _IMAGES_GONE if len(data.test) else _LIST_GONE,
    )
    if measured is None:
        return file
    return replace(
        file,
        images=len(numbers),
        accuracy=float(np.mean(measured.predicted == labels)),
        keras_accuracy=float(np.mean(keras_predicted == labels)),
        agreement=float(np.mean(measured.predicted == keras_predicted)),
        milliseconds=measured.milliseconds,
        not_measured="",
    )


def _find_format(name: str) -> ExportFormat:
    if name not in FORMATS:
        raise ExportError(f"Expected a format of {', '.join(FORMATS)}; received {name!r}.")
    return FORMATS[name]


def _read_predictions(run: Path) -> list[dict[str, str]]:
    """Return the rows of predictions.csv: what Keras predicted for each test image. Raises `ExportError`."""
    try:
        text = (run / "predictions.csv").read_bytes().decode()  # a name may contain any line end
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        if any(None in row or None in row.values() for row in rows):
            raise ValueError("a row of predictions.csv is incomplete")
        if not rows or not {"path", "label", "predicted"} <= rows[0].keys():
            raise ValueError("predictions.csv has no predictions")
        return rows
    except (OSError, ValueError, csv.Error) as error:
        raise ExportError(
            "Expected a run that was evaluated on its test images, to compare the exported file with; "
            f"received {run.name} ({first_line(error)}). Resume it until it is completed, or choose another."
        ) from error


def _load_images(run: Path, size: int, rows: list[dict[str, str]]) -> TrainingData:
    """Return the images of a run; only its classes if its list of images cannot be read or is not that of `rows`.

    If the folder of the images is gone, only those in the feature cache can be read.
    """
    try:
        manifest, config = read_manifest(run), RunConfig.from_json(read_json(run / "config.json"))
        _expect_tested(manifest, rows)
    except (OSError, ValueError):
        classes = tuple(name.removeprefix("p_") for name in rows[0] if name.startswith("p_"))
        return replace(load_data(Manifest(()), run, size), classes=classes)
    try:
        return open_images(config, manifest, size)[0]
    except (DataError, OSError):
        return load_data(manifest, Path(config.data), size, RunCache(FeatureCache(), len(manifest.items)))


def _expect_tested(manifest: Manifest, rows: list[dict[str, str]]) -> None:
    """Raise `DataError` unless these rows are predictions for the test images of the manifest."""
    tested = [(row["path"], row["label"]) for row in rows]
    if [(item.path, item.label) for item in manifest.in_split("test")] != tested:
        raise DataError("Expected predictions for the test images of the manifest; received others.")
    if not {row["predicted"] for row in rows} <= set(manifest.classes):
        raise DataError("Expected predicted classes of the manifest; received others.")


def _write_and_measure(
    write: Writer, export_format: ExportFormat, model: keras.Model, data: TrainingData, path: Path, numbers: np.ndarray
) -> "_Measured | None":
    """Write the file and measure it; it is kept only if neither fails. Errors of converters become an `ExportError`."""
    try:
        with atomic_draft(path) as draft:
            write(model, data, draft)
            return _measure(RUNNERS[export_format.runtime](draft), data.test, numbers)
    except UnreadableImage as error:  # of a training image: the file itself cannot be made without them
        raise ExportError(
            f"Expected the training images, from which {export_format.title} chooses its ranges; received: "
            f"{first_line(error)} Choose another format, or restore the images."
        ) from error
    except Exception as error:  # converters raise errors of many types
        raise ExportError(
            f"Expected the model as {export_format.title}; received: {first_line(error)}. Choose another format."
        ) from error


class _Measured(NamedTuple):
    """The predicted class of each image, and the median milliseconds per image."""

    predicted: np.ndarray
    milliseconds: float


def _measure(runner: Runner, images: Images, numbers: np.ndarray) -> _Measured | None:
    """Run a file on these images, one at a time; None if there are none or one of them cannot be read."""
    if not len(numbers):
        return None
    predicted, durations = [], []
    try:
        runner(images.pixels[numbers[:1]][0])  # the first call includes the setup
        for number in numbers:
            pixels = images.pixels[np.array([number])][0]
            began = time.perf_counter()
            probabilities = runner(pixels)
            durations.append(1000 * (time.perf_counter() - began))
            predicted.append(int(np.argmax(probabilities)))
    except UnreadableImage:
        return None
    return _Measured(np.array(predicted), median(durations))


def _keras_runner(model: keras.Model) -> Runner:
    model.jit_compile = keras.backend.backend() == "jax"  # XLA makes this network slower on TensorFlow and CPUs
    return lambda pixels: model.predict_on_batch(pixels[None])[0]
