"""Writes the weights file of a trained base, such as `core/backbones/sample_weights.npz`."""

import io
from pathlib import Path

import keras
import numpy as np

from core.machine.files import write_atomically


def write_base(base: keras.Model, path: Path) -> None:
    """Write the weights of a base as float16, in Keras' order, to a file that `build_base` can load."""
    arrays = {f"{number:03d}": array.astype(np.float16) for number, array in enumerate(base.get_weights())}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_atomically(path, content.getvalue())
