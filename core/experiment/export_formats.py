"""The formats in which a trained model leaves, and what is noted of each file that was made."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from core.machine.files import read_json, sha256

FOLDER: Final = "export"
MODEL_FILE: Final = "model.keras"
"""The best epoch's model in a run's folder."""


@dataclass(frozen=True)
class ExportFormat:
    """A kind of model file.

    Args:
        name: how code and files call it; `title` how pages do.
        file: what it is called on disk.
        serves: what it is for, in a few words.
        needs: the packages that its example imports.
        faithful: share of the test images that it must name as Keras does.
    """

    name: str
    title: str
    file: str
    purpose: str
    packages: tuple[str, ...]
    min_agreement: float

    def path(self, run: Path) -> Path:
        """Where the file lies within a run's folder; Keras' own is the model itself."""
        return run / self.file if self.name == "keras" else run / FOLDER / self.file


FORMATS: Final = {
    form.name: form
    for form in (
        ExportFormat("keras", "Keras", MODEL_FILE, "Python, and training further", ("keras", "tensorflow"), 0.999),
        ExportFormat(
            "litert", "LiteRT, 32 bits", "model.tflite", "phones and small computers", ("ai-edge-litert",), 0.999
        ),
        ExportFormat(
            "litert-float16",
            "LiteRT, 16 bits",
            "model-float16.tflite",
            "the same at half the size",
            ("ai-edge-litert",),
            0.995,
        ),
        ExportFormat(
            "litert-int8",
            "LiteRT, 8 bits",
            "model-int8.tflite",
            "the smallest and quickest on phones",
            ("ai-edge-litert",),
            0.97,
        ),
        ExportFormat("onnx", "ONNX", "model.onnx", "any language, servers, browsers", ("onnxruntime",), 0.999),
    )
}


@dataclass(frozen=True)
class ExportedFile:
    """What came out when an exported file itself was run on test images of its run.

    Args:
        kind: how it was written, where its format has several ways.
        model: SHA-256 of the model it was made from.
        bytes: its size.
        images: how many test images were looked at.
        accuracy: share that it names right; `keras_accuracy` the share that Keras does, on the same images.
        agreement: share that it names as Keras does.
        milliseconds: an image, alone, at the median, on `machine`.
    """

    format: str
    kind: str
    model: str
    bytes: int
    images: int
    accuracy: float
    keras_accuracy: float
    agreement: float
    milliseconds: float
    machine: str

    @property
    def title(self) -> str:
        """Its format, and its kind where there are several."""
        return ", ".join(filter(None, (FORMATS[self.format].title, self.kind)))

    @property
    def is_accurate(self) -> bool:
        """Whether it agrees with Keras as often as its format must."""
        return self.agreement >= FORMATS[self.format].min_agreement

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measurement_path(form: ExportFormat, run: Path) -> Path:
    """Where it is noted what came out of an exported file."""
    return run / FOLDER / f"{form.file}.json"


def exported(form: ExportFormat, run: Path) -> ExportedFile | None:
    """What is noted of a run's file in this format; None where there is none, or none of the model as it is now."""
    try:
        found = read_json(measurement_path(form, run))
        noted = ExportedFile(**{field.name: field.type(found[field.name]) for field in fields(ExportedFile)})
        is_whole = form.path(run).stat().st_size == noted.bytes and noted.format == form.name
        return noted if is_whole and noted.model == sha256(run / MODEL_FILE) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
