"""A trained model as a file for elsewhere, and what comes out when that file itself is run on the test images."""

import csv
import io
import json
import time
from pathlib import Path
from statistics import median
from threading import Lock

import keras
import numpy as np

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.decode import UnreadableImage
from core.data.datasets.scan import data_folder, find_root
from core.data.datasets.split import Manifest
from core.experiment.export_formats import FORMATS, MODEL_FILE, ExportedFile, ExportFormat, exported, measurement_path
from core.experiment.run_config import RunConfig
from core.experiment.runs.errors import first_line
from core.learning.export.writers import RUNNERS, WRITERS, Runner, Writer
from core.learning.inference.predictor import load_model
from core.learning.training.batches import Images, TrainingData, load_data
from core.machine.devices import cpu
from core.machine.files import read_json, sha256, whole, write_whole

MEASURED_ON = 1_000
"""Test images that an exported file is run on, at most, spread evenly over the split."""


_ONE_AT_A_TIME = Lock()
"""Two visitors who ask for the same file at once get the same one; and nothing is measured beside something else."""


class ExportError(ValueError):
    """A model cannot be exported, or not in this format."""


def export_model(run: Path, name: str) -> ExportedFile:
    """Write the model in the folder `run` in the format `name`, run that file on test images, and note what came out.

    Raises `ExportError`, `ModelError` and `DataError`; no half file is left then.
    """
    form = _format(name)
    with _ONE_AT_A_TIME:
        noted = exported(form, run) or _export(form, run)
        write_whole(measurement_path(form, run), json.dumps(noted.to_json(), indent=1))
    return noted


def _export(form: ExportFormat, run: Path) -> ExportedFile:
    model, path = load_model(run / MODEL_FILE), form.path(run)
    data, labels, said = _judged(run, model.input_shape[1])
    numbers = np.linspace(0, len(said) - 1, min(len(said), MEASURED_ON)).astype(int)
    measurement_path(form, run).parent.mkdir(exist_ok=True)
    labels, said, kind = labels[numbers], said[numbers], ""
    if form.name == "keras":
        predicted, milliseconds = _run(_keras_runner(model), data.test, numbers)
    for way, write in WRITERS.get(form.name, {}).items():
        predicted, milliseconds = _write_and_run(write, form, model, data, path, numbers)
        kind = way
        if np.mean(predicted == said) >= form.min_agreement:
            break
    return ExportedFile(
        form.name,
        kind,
        sha256(run / MODEL_FILE),
        path.stat().st_size,
        len(numbers),
        float(np.mean(predicted == labels)),
        float(np.mean(said == labels)),
        float(np.mean(predicted == said)),
        milliseconds,
        cpu().name,
    )


def _format(name: str) -> ExportFormat:
    if name not in FORMATS:
        raise ExportError(f"Expected a format of {', '.join(FORMATS)}; received {name!r}.")
    return FORMATS[name]


def _judged(run: Path, size: int) -> tuple[TrainingData, np.ndarray, np.ndarray]:
    """The images of a run, the number of each test image's class, and that of the class Keras named."""
    try:
        rows = list(csv.DictReader(io.StringIO((run / "predictions.csv").read_text(encoding="utf-8"))))
        manifest = Manifest.from_csv((run / "manifest.csv").read_text(encoding="utf-8"))
        config = RunConfig.from_json(read_json(run / "config.json"))
        number = {label: i for i, label in enumerate(manifest.classes)}
        labels, said = (np.array([number[row[key]] for row in rows]) for key in ("label", "predicted"))
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise ExportError(
            "Expected a run that was judged on its test images, to measure the exported file against; "
            f"received {run.name} ({first_line(error)}). Resume it to its end, or choose "
            "another."
        ) from error
    run_cache = RunCache(FeatureCache() if config.reuse else None, len(manifest.items), lambda text: None)
    return load_data(manifest, find_root(data_folder(config.data)), size, run_cache), labels, said


def _write_and_run(
    write: Writer, form: ExportFormat, model: keras.Model, data: TrainingData, path: Path, numbers: np.ndarray
) -> tuple[np.ndarray, float]:
    """What `_run` says of the file, which is there once it has run; whatever goes wrong in a converter is one line."""
    try:
        with whole(path) as draft:
            write(model, data, draft)
            return _run(RUNNERS[form.name](draft), data.test, numbers)
    except UnreadableImage:
        raise
    except Exception as error:  # converters raise whatever they meet
        raise ExportError(
            f"Expected the model as {form.title}; received: {first_line(error)}. Choose another format."
        ) from error


def _run(runner: Runner, images: Images, numbers: np.ndarray) -> tuple[np.ndarray, float]:
    """The class of each image, and the milliseconds that one takes at the median."""
    runner(images.pixels[numbers[:1]][0])  # the first one also sets up
    predicted, took = [], []
    for number in numbers:
        pixels = images.pixels[np.array([number])][0]
        began = time.perf_counter()
        probabilities = runner(pixels)
        took.append(1000 * (time.perf_counter() - began))
        predicted.append(int(np.argmax(probabilities)))
    return np.array(predicted), median(took)


def _keras_runner(model: keras.Model) -> Runner:
    model.jit_compile = False  # XLA makes this network slower on CPUs, not faster
    return lambda pixels: model.predict_on_batch(pixels[None])[0]
