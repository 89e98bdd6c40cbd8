"""The file of a trained base, as `core/backbones/sample_weights.npz` is."""

import io
from pathlib import Path

import keras
import numpy as np

from core.machine.files import write_whole


def write_base(base: keras.Model, path: Path) -> None:
    """Write the weights of a base in 16 bits, in Keras' order, as a file that `build_base` takes."""
    arrays = {f"{number:03d}": array.astype(np.float16) for number, array in enumerate(base.get_weights())}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_whole(path, content.getvalue())
