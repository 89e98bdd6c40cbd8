"""Prediction with the model of a trained run."""

from pathlib import Path
from threading import Lock

import keras
import numpy as np

from core.data.explain.model_output import ModelOutput
from core.experiment.runs.errors import first_line
from core.learning.inference.grad_cam import GradCamHead, head_input_layer
from core.learning.inference.novelty import NoveltyReference
from core.learning.network.engines.engine import FrozenPart
from core.learning.network.engines.onnx_engine import run_onnx
from core.learning.network.frozen_part import warn_of_unknown_layer
from core.learning.network.onnx_writer import UnknownLayer, model_to_onnx
from core.machine.files import sha256

BATCH_SIZE = 8
"""The most images that go through the network at once."""


class ModelFileError(ValueError):
    """A model file is missing, was changed, or cannot be used."""


class Predictor:
    """The model of a trained run, in memory. Thread-safe.

    ONNX Runtime computes it on the CPU: it takes a quarter of the time of Keras, and no tracing. Keras computes models
    with layers that cannot be written for ONNX Runtime.

    Raises `ModelFileError` if the file is missing, was changed since its training, or cannot be opened by Keras.
    """

    def __init__(self, path: Path) -> None:
        model = load_model(path)
        self.size = model.input_shape[1]
        self._head, self._novelty_reference = GradCamHead.from_model(model), NoveltyReference.load(path.parent)
        self._run = _features_and_probabilities(model)

    def predict(self, pixels: np.ndarray) -> ModelOutput:
        """Compute probabilities, heat maps and novelty scores of (n, size, size, 3) uint8 images.

        Raises `ValueError` for other shapes.
        """
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (self.size, self.size, 3):
            raise ValueError(
                f"Expected images as (n, {self.size}, {self.size}, 3) uint8; received {pixels.shape} "
                f"{pixels.dtype}. Read them with load_image at the model's size."
            )
        starts = range(0, max(1, len(pixels)), BATCH_SIZE)
        probabilities, maps, novelty = zip(
            *(self._predict_batch(pixels[start : start + BATCH_SIZE]) for start in starts), strict=True
        )
        scores = None if self._novelty_reference is None else np.concatenate(novelty)
        return ModelOutput(np.concatenate(probabilities), np.concatenate(maps), scores)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32; rows sum to 1. Raises `ValueError` for other shapes."""
        return self.predict(pixels).probabilities

    def _predict_batch(self, pixels: np.ndarray) -> ModelOutput:
        features, probabilities = self._run(pixels)
        reference = self._novelty_reference
        novelty = reference.score(features.mean(axis=(1, 2))) if reference else None
        return ModelOutput(probabilities, self._head.heat_maps(features), novelty)


def _features_and_probabilities(model: keras.Model) -> FrozenPart:
    """Return a function from images to the last feature map and the probabilities of a model."""
    try:
        return run_onnx(model_to_onnx(model, feature_layer=head_input_layer(model)))
    except UnknownLayer as error:
        warn_of_unknown_layer(str(error))
    network, lock = keras.Model(model.input, [model.get_layer(head_input_layer(model)).input, model.output]), Lock()

    def compute(pixels: np.ndarray) -> list[np.ndarray]:
        padded = np.zeros((BATCH_SIZE, *pixels.shape[1:]), np.float32)  # one batch shape, so that Keras traces once
        padded[: len(pixels)] = pixels
        with lock:
            return [output[: len(pixels)] for output in network.predict_on_batch(padded)]

    return compute


def load_model(path: Path) -> keras.Model:
    """Load the Keras model of a trained run. Raises `ModelFileError` if it is not a usable model of this project."""
    _expect_unchanged(path)
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        GradCamHead.from_model(model)
        return model
    except Exception as error:  # Keras raises errors of many types for damaged files
        raise ModelFileError(_unusable(path, error)) from error


def _expect_unchanged(path: Path) -> None:
    """Raise `ModelFileError` if the model differs from its hash. Runs of early versions have no hash file."""
    hash_file = path.with_suffix(".sha256")
    if path.is_file() and hash_file.is_file() and hash_file.read_text(errors="replace").split()[:1] != [sha256(path)]:
        raise ModelFileError(
            f"Expected the model as it was trained; received {path}, which was changed since (its SHA-256 "
            "differs). Restore the file, or train it again."
        )


def _unusable(path: Path, error: Exception) -> str:
    if not path.is_file():
        return f"Expected the model {path}; the file does not exist. Choose another run."
    return (
        f"Expected a model that Keras can open; received {path} ({first_line(error)[:120]}). "
        "Train it again, or choose another run."
    )
