"""Which of Keras' backends this program uses, found without importing Keras."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Final

BACKENDS: Final = {
    "tensorflow": "requirements.txt",
    "jax": "requirements-jax.txt",
    "torch": "requirements-torch.txt",
}
"""Supported backends, each with the file that installs it."""


class BackendError(ValueError):
    """The selected Keras backend is unknown or not installed."""


def backend_name() -> str:
    """The backend that Keras will use: KERAS_BACKEND, else the one in Keras' configuration file, else TensorFlow."""
    return os.environ.get("KERAS_BACKEND") or _configured() or "tensorflow"


def expect_backend() -> None:
    """Raise `BackendError` unless the selected backend is installed."""
    name = backend_name()
    if name not in BACKENDS:
        raise BackendError(
            f"Expected one of the Keras backends {', '.join(BACKENDS)}; received {name!r}. Set KERAS_BACKEND to one."
        )
    if find_spec(name) is None:
        raise BackendError(
            f"Expected the Keras backend {name} to be installed; it is not. Run pip install -r {BACKENDS[name]}, or "
            "set KERAS_BACKEND to another."
        )


def gpu_advice(backend: str) -> str:
    """What to do if this backend does not find a GPU that the driver reports."""
    file = "requirements-gpu.txt" if backend == "tensorflow" else BACKENDS.get(backend, "requirements.txt")
    return f"install {file}"


def _configured() -> str:
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        content = json.loads((home / "keras.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(content.get("backend", "")) if isinstance(content, dict) else ""
