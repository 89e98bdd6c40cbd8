"""Where the program keeps files outside `runs/`: this list is complete.

Everything lies in the program's own folder, except the ImageNet weights, which Keras' own cache holds, and the device
locks, which all processes of a user must find whatever folder they use.
"""

import os
import tempfile
from pathlib import Path


def app_folder() -> Path:
    """The program's own folder: `TRANSFER_LAB_HOME` if set, otherwise `~/.cache/transfer-learning-lab`."""
    return Path(os.environ.get("TRANSFER_LAB_HOME") or Path.home() / ".cache" / "transfer-learning-lab")


def sample_set_folder() -> Path:
    """The drawn sample set, one sub-folder for each version."""
    return app_folder() / "sample"


def uploads_folder() -> Path:
    """Data sets that visitors uploaded."""
    return app_folder() / "uploads"


def feedback_folder() -> Path:
    """Images whose true class a visitor marked on the Predict page, one sub-folder for each data set."""
    return app_folder() / "feedback"


def feature_cache_folder() -> Path:
    """Cached features and decoded images; deleting it costs only time."""
    return app_folder() / "kept"


def timings_folder() -> Path:
    """Measured training times of this machine; deleting it costs only time."""
    return app_folder() / "paces"


def presets_folder() -> Path:
    """Settings saved under a name."""
    return app_folder() / "presets"


def keras_models_folder() -> Path:
    """Keras' cache of downloaded weights, below `KERAS_HOME` if set, otherwise below `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def device_locks_folder() -> Path:
    """This user's device locks in the temporary folder: one file for each device of the machine."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"transfer-learning-lab-{user}"
