"""Model files: their hash, and copies with another head, written without Keras."""

import io
import json
import time
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import h5py

from core.experiment.export_formats import MODEL_FILE
from core.learning.head.head_weights import HeadWeights
from core.machine.files import sha256

_DATASETS: Final = (
    *(f"layers/dense/vars/{number}" for number in range(2)),
    *(f"layers/batch_normalization/vars/{number}" for number in range(4)),
    *(f"layers/dense_1/vars/{number}" for number in range(2)),
)
"""Where a .keras file has the weights of the head, in the order of `HeadWeights`."""


def copy_with_head(template: Path, head: HeadWeights, path: Path) -> None:
    """Write a copy of the .keras file `template` with this head.

    Raises `OSError`, and `ValueError`, `KeyError` or one of `ZIP_ERRORS` if it is damaged or its head differs.
    """
    with ZipFile(template) as source, ZipFile(path, "w") as target:  # reading verifies the checksum of each entry
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "model.weights.h5":
                content = _with_head(content, head)
            elif entry.filename == "metadata.json":
                content = _dated_now(content)
            target.writestr(entry, content)


def write_hash(model: Path, hash_file: Path) -> None:
    """Write a model's SHA-256 in the format of `sha256sum`, to detect later changes. Raises `OSError`."""
    hash_file.write_text(f"{sha256(model)}  {MODEL_FILE}\n")


def _with_head(content: bytes, head: HeadWeights) -> bytes:
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        for name, array in zip(_DATASETS, head, strict=True):
            if file[name].shape != array.shape:
                raise ValueError(f"Expected {name} of shape {array.shape}; received {file[name].shape}.")
            file[name][...] = array
    return buffer.getvalue()


def _dated_now(content: bytes) -> bytes:
    metadata = json.loads(content)
    return json.dumps(metadata | {"date_saved": time.strftime("%Y-%m-%d@%H:%M:%S")}).encode()
