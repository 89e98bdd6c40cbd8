"""A trained run, ready to say what it sees."""

from pathlib import Path

import keras
import numpy as np

from core.data.explain.model_output import ModelOutput
from core.experiment.export_formats import MODEL_FILE
from core.experiment.runs.errors import first_line
from core.learning.inference.grad_cam import Head, entrance_of
from core.learning.inference.novelty import NoveltyReference
from core.learning.network.frozen_part import run_onnx
from core.learning.network.onnx_writer import model_to_onnx
from core.machine.files import sha256

BATCH = 8
"""Images that go through the network at once, at most."""


class ModelError(ValueError):
    """The file is no model that can be asked."""


class Predictor:
    """The model of a trained run, in memory. It may be asked from several threads.

    ONNX Runtime computes it, on the CPU: it takes a quarter of the time that Keras does and traces nothing.

    Raises `ModelError` where the file is gone, was changed since it was trained, or cannot be opened by Keras.
    """

    def __init__(self, path: Path) -> None:
        model = load_model(path)
        self.size = model.input_shape[1]
        self._head, self._familiar = Head.of(model), NoveltyReference.load(path.parent)
        self._see = run_onnx(model_to_onnx(model, features=entrance_of(model)))

    def predict(self, pixels: np.ndarray) -> ModelOutput:
        """What the model sees in (n, size, size, 3) uint8 images. Raises `ValueError` on other shapes."""
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (self.size, self.size, 3):
            raise ValueError(
                f"Expected images as (n, {self.size}, {self.size}, 3) uint8; received {pixels.shape} "
                f"{pixels.dtype}. Read them with load_image at the model's size."
            )
        batches = range(0, max(1, len(pixels)), BATCH)
        probabilities, maps, novelty = zip(
            *(self._batch(pixels[start : start + BATCH]) for start in batches), strict=True
        )
        known = None if self._familiar is None else np.concatenate(novelty)
        return ModelOutput(np.concatenate(probabilities), np.concatenate(maps), known)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32; each row sums to 1. Raises `ValueError` on other shapes."""
        return self.predict(pixels).probabilities

    def _batch(self, pixels: np.ndarray) -> ModelOutput:
        features, probabilities = self._see(pixels)
        novelty = self._familiar.novelty(features.mean(axis=(1, 2))) if self._familiar else None
        return ModelOutput(probabilities, self._head.heat_maps(features), novelty)


def load_model(path: Path) -> keras.Model:
    """The Keras model of a trained run. Raises `ModelError` where it is none of this project that can be used."""
    _expect_unchanged(path)
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        Head.of(model)
        return model
    except Exception as error:  # Keras raises whatever it meets in damaged files
        raise ModelError(_unusable(path, error)) from error


def note_hash(model: Path, noted: Path) -> None:
    """Write a model's SHA-256 beside it, as `sha256sum` does, so that a later change is seen. Raises `OSError`."""
    noted.write_text(f"{sha256(model)}  {MODEL_FILE}\n")


def _expect_unchanged(path: Path) -> None:
    """Runs trained before hashes were noted have none to compare with."""
    noted = path.with_suffix(".sha256")
    if path.is_file() and noted.is_file() and noted.read_text(errors="replace").split()[:1] != [sha256(path)]:
        raise ModelError(
            f"Expected the model as it was trained; received {path}, which was changed since (its SHA-256 "
            "is another). Put the file back, or train it again."
        )


def _unusable(path: Path, error: Exception) -> str:
    if not path.is_file():
        return f"Expected the model {path}; received nothing: it is gone. Choose another run."
    return (
        f"Expected a model that Keras can open; received {path} ({first_line(error)[:120]}). "
        "Train it again, or choose another run."
    )
