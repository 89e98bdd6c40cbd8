"""Measure exported files: run each on test images, and compare it with the predictions of Keras."""

import csv
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from threading import Lock
from typing import Final, NamedTuple

import keras
import numpy as np

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.dataset import DataError
from core.data.datasets.images.decode import UnreadableImage
from core.data.datasets.split import Manifest
from core.experiment.export_formats import ExportedFile, ExportFormat, load_exported_file, measurement_path
from core.experiment.run_config import RunConfig
from core.experiment.runs.errors import first_line
from core.learning.export.writers import Runner
from core.learning.inputs.run_inputs import open_images, read_manifest
from core.learning.inputs.training_data import Images, TrainingData, load_data
from core.machine.devices import cpu
from core.machine.files import read_json, write_atomically

MAX_MEASURED: Final = 1_000
"""The most test images on which an exported file is measured, spread evenly over the split."""

_IMAGES_GONE = "the test images of the run can no longer be read"
_LIST_GONE = "manifest.csv or config.json of the run is missing or damaged, so its test images are unknown"
"""Why a file was not measured."""

_LOCK: Final = Lock()
"""One export at a time: a second request for the same file gets the result of the first; timings are undisturbed."""


class ExportError(ValueError):
    """A model cannot be exported, or not in this format."""


def export_once(form: ExportFormat, runs: Sequence[Path], export: Callable[[], ExportedFile]) -> ExportedFile:
    """Call `export` unless there is a measured file of the present models of these runs; save and return its record."""
    with _LOCK:
        exported = load_exported_file(form, *runs)
        if exported is None or exported.not_measured:
            exported = export()
        write_atomically(measurement_path(form, runs[0]), json.dumps(exported.to_json(), indent=1))
    return exported


def read_predictions(run: Path) -> list[dict[str, str]]:
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


def load_images(run: Path, size: int, rows: list[dict[str, str]]) -> TrainingData:
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


class Measured(NamedTuple):
    """The predicted class of each image, and the median milliseconds per image."""

    predicted: np.ndarray
    milliseconds: float


def measure(runner: Runner, images: Images, numbers: np.ndarray) -> Measured | None:
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
    return Measured(np.array(predicted), median(durations))


def unmeasured(form: ExportFormat, kind: str, model: str, path: Path, images: int) -> ExportedFile:
    """The record of a file that was not run on test images. `images` is the number of test images that are known."""
    return ExportedFile(
        form.name,
        kind,
        model,
        path.stat().st_size,
        *(0, None, None, None, None),
        cpu().name,
        _IMAGES_GONE if images else _LIST_GONE,
    )


def keras_runner(model: keras.Model) -> Runner:
    model.jit_compile = keras.backend.backend() == "jax"  # XLA makes this network slower on TensorFlow and CPUs
    return lambda pixels: model.predict_on_batch(pixels[None])[0]
