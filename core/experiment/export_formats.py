"""The file formats of exported models, and the measurements of each exported file."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from core.machine.files import read_json, sha256

EXPORT_FOLDER: Final = "export"
MODEL_FILE: Final = "model.keras"
"""Name of the best epoch's model in a run's folder."""


PACKAGES: Final = {
    "keras": ("keras", "tensorflow"),
    "litert": ("ai-edge-litert",),
    "onnx": ("onnxruntime",),
}
"""The Python packages that each runtime needs."""


@dataclass(frozen=True)
class ExportFormat:
    """A file format for models.

    Args:
        name: identifier in code and files; `title` is the name on pages.
        file: file name.
        purpose: where it is used, in a few words.
        runtime: the library that runs the file, a key of `PACKAGES`.
        min_agreement: smallest accepted share of test images for which the file and Keras predict the same class.
    """

    name: str
    title: str
    file: str
    purpose: str
    runtime: str
    min_agreement: float

    def path(self, run: Path) -> Path:
        """The path of the exported file in a run's folder; for Keras, the run's model itself."""
        return run / self.file if self.name == "keras" else run / EXPORT_FOLDER / self.file


_SMALL = "phones and small computers"
FORMATS: Final = {
    form.name: form
    for form in (
        ExportFormat("keras", "Keras", MODEL_FILE, "Python and further training", "keras", 0.999),
        ExportFormat("litert", "LiteRT, 32 bits", "model.tflite", _SMALL, "litert", 0.999),
        ExportFormat(
            "litert-float16", "LiteRT, 16 bits", "model-float16.tflite", f"{_SMALL}, at half the size", "litert", 0.995
        ),
        ExportFormat(
            "litert-int8",
            "LiteRT, 8 bits",
            "model-int8.tflite",
            "phones, as the smallest and fastest file",
            "litert",
            0.97,
        ),
        ExportFormat("onnx", "ONNX", "model.onnx", "any language, servers, browsers", "onnx", 0.999),
    )
}
"""Formats of single models, by name."""

ENSEMBLE_FORMAT: Final = ExportFormat(
    "onnx-ensemble", "ONNX, mean of seeds", "ensemble.onnx", "any language, servers, browsers", "onnx", 0.999
)
"""The models of several seeds in one file, which is in the folder of the first run."""


@dataclass(frozen=True)
class ExportedFile:
    """Measurements of an exported file, made by running it on test images of its run, if they could be read.

    Args:
        format: name of its `ExportFormat`.
        kind: variant of the format; "" if the format has only one.
        model: SHA-256 of the Keras model that was exported (`model_hash`).
        bytes: file size.
        images: number of test images; 0 if none could be read, and the next four are then None.
        accuracy: of the exported file; `keras_accuracy` is that of the Keras model on the same images. Both are None
            for an ensemble if members were trained on these images.
        agreement: share of the images for which both predict the same class.
        milliseconds: median time for one image on `machine`.
        not_measured: why the file was not run on test images; "" if it was.
    """

    format: str
    kind: str
    model: str
    bytes: int
    images: int
    accuracy: float | None
    keras_accuracy: float | None
    agreement: float | None
    milliseconds: float | None
    machine: str
    not_measured: str = ""

    @property
    def form(self) -> ExportFormat:
        return ENSEMBLE_FORMAT if self.format == ENSEMBLE_FORMAT.name else FORMATS[self.format]

    @property
    def title(self) -> str:
        """The format's title, followed by the kind if there is one."""
        return ", ".join(filter(None, (self.form.title, self.kind)))

    @property
    def is_accurate(self) -> bool:
        """Whether the agreement with Keras reaches the minimum of the format; False if it was not measured."""
        return self.agreement is not None and self.agreement >= self.form.min_agreement

    @property
    def difference(self) -> float | None:
        """Accuracy minus that of the Keras model; None if not measured."""
        if self.accuracy is None or self.keras_accuracy is None:
            return None
        return self.accuracy - self.keras_accuracy

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ExportedFile":
        """The measurements that `to_json` wrote. Raises `ValueError`, `TypeError` or `KeyError` on other data."""
        return cls(
            format=str(data["format"]),
            kind=str(data["kind"]),
            model=str(data["model"]),
            bytes=int(data["bytes"]),
            images=int(data["images"]),
            accuracy=_number(data["accuracy"]),
            keras_accuracy=_number(data["keras_accuracy"]),
            agreement=_number(data["agreement"]),
            milliseconds=_number(data["milliseconds"]),
            machine=str(data["machine"]),
            not_measured=str(data.get("not_measured", "")),
        )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def measurement_path(form: ExportFormat, run: Path) -> Path:
    """The path of the JSON file with the measurements of an exported file."""
    return run / EXPORT_FOLDER / f"{form.file}.json"


def model_hash(*runs: Path) -> str:
    """SHA-256 of the Keras model in a run's folder, or of the hashes of several. Raises `OSError`."""
    hashes = [sha256(run / MODEL_FILE) for run in runs]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def load_exported_file(form: ExportFormat, run: Path, *others: Path) -> ExportedFile | None:
    """Read the measurements of a run's file in this format; None if it is missing or of an earlier model.

    `others` are the folders of the other members of an ensemble.
    """
    try:
        file = ExportedFile.from_json(read_json(measurement_path(form, run)))
        is_complete = form.path(run).stat().st_size == file.bytes and file.format == form.name
        return file if is_complete and file.model == model_hash(run, *others) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
