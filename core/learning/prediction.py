"""A trained run, ready to classify."""

from pathlib import Path

import keras
import numpy as np

from core.experiment.errors import first_line

BATCH = 4
"""Images that go through the network at once. Every batch is filled up to it: Keras would trace a model anew for a new
shape, which takes a second, while three images more take a twentieth of one."""


class ModelError(ValueError):
    """The file is no model that can be asked."""


class Predictor:
    """The model of a trained run, in memory. It may be asked from several threads.

    Raises `ModelError` where the file is gone or Keras cannot open it.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._model = keras.models.load_model(path, compile=False, safe_mode=True)
            _, self.size, _, _ = self._model.input_shape
            _, self.classes = self._model.output_shape
        except Exception as error:  # Keras raises whatever it meets in damaged files
            raise ModelError(_unusable(path, error)) from error
        self._model.jit_compile = False  # XLA makes this network slower on CPUs, not faster

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32; each row sums to 1. Raises `ValueError` on other shapes."""
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (self.size, self.size, 3):
            raise ValueError(f"Expected images as (n, {self.size}, {self.size}, 3) uint8; received {pixels.shape} "
                             f"{pixels.dtype}. Read them with load_image at the model's size.")
        rows = [self._batch(pixels[start:start + BATCH]) for start in range(0, len(pixels), BATCH)]
        return np.concatenate([np.empty((0, self.classes), np.float32), *rows])

    def _batch(self, pixels: np.ndarray) -> np.ndarray:
        filled = np.zeros((BATCH, *pixels.shape[1:]), np.uint8)
        filled[:len(pixels)] = pixels
        return self._model.predict_on_batch(filled)[:len(pixels)]


def _unusable(path: Path, error: Exception) -> str:
    if not path.is_file():
        return f"Expected the model {path}; received nothing: it is gone. Choose another run."
    return (f"Expected a model that Keras can open; received {path} ({first_line(error)[:120]}). "
            "Train it again, or choose another run.")
