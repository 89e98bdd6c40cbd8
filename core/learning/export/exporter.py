"""Export a trained model to a file for use elsewhere, and measure that file on test images if they can be read."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from core.data.datasets.images.decode import UnreadableImage
from core.experiment.export_formats import (
    FORMATS,
    MODEL_FILE,
    ExportedFile,
    ExportFormat,
    measurement_path,
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
from core.learning.export.writers import RUNNERS, WRITERS, Writer, evenly_spaced
from core.learning.inference.predictor import load_model
from core.learning.inputs.training_data import TrainingData
from core.machine.files import atomic_draft


def export_model(run: Path, name: str) -> ExportedFile:
    """Write the model in the folder `run` in the format `name`, measure that file on test images and save the result.

    If the images or their list are no longer there, the file is exported without being measured, and its record says
    so. A file that is up to date and measured is not written again. Raises `ExportError`, `ModelFileError`; then no
    file is left.
    """
    export_format = _find_format(name)
    return export_once(export_format, [run], lambda: _export(export_format, run))


def _export(export_format: ExportFormat, run: Path) -> ExportedFile:
    """Write and measure the file. Of several kinds of file, use the first that agrees with Keras, else the last."""
    model, path, rows = load_model(run / MODEL_FILE), export_format.path(run), read_predictions(run)
    data = load_images(run, model.input_shape[1], rows)
    numbers = evenly_spaced(len(data.test), MAX_MEASURED)
    labels, keras_predicted = (
        np.array([data.classes.index(rows[number][key]) for number in numbers]) for key in ("label", "predicted")
    )
    measurement_path(export_format, run).parent.mkdir(exist_ok=True)
    if export_format.name == "keras":
        measured, kind = measure(keras_runner(model), data.test, numbers), ""
    for name, write in WRITERS.get(export_format.name, {}).items():
        measured, kind = _write_and_measure(write, export_format, model, data, path, numbers), name
        if measured is None or np.mean(measured.predicted == keras_predicted) >= export_format.min_agreement:
            break
    file = unmeasured(export_format, kind, model_hash(run), path, len(data.test))
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


def _write_and_measure(
    write: Writer, export_format: ExportFormat, model: keras.Model, data: TrainingData, path: Path, numbers: np.ndarray
) -> Measured | None:
    """Write the file and measure it; it is kept only if neither fails. Errors of converters become an `ExportError`."""
    try:
        with atomic_draft(path) as draft:
            write(model, data, draft)
            return measure(RUNNERS[export_format.runtime](draft), data.test, numbers)
    except UnreadableImage as error:  # of a training image: the file itself cannot be made without them
        raise ExportError(
            f"Expected the training images, from which {export_format.title} chooses its ranges; received: "
            f"{first_line(error)} Choose another format, or restore the images."
        ) from error
    except Exception as error:  # converters raise errors of many types
        raise ExportError(
            f"Expected the model as {export_format.title}; received: {first_line(error)}. Choose another format."
        ) from error
