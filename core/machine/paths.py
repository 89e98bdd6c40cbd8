"""All folders that the program uses outside `runs/`.

They are subfolders of the application folder, with two exceptions: ImageNet weights are in Keras' cache, and device
locks are in the temporary folder, because all processes of a user must share them.
"""

import os
import tempfile
from pathlib import Path


def app_folder() -> Path:
    """The application folder: `TRANSFER_LAB_HOME` if set, otherwise `~/.cache/transfer-learning-lab`."""
    return Path(os.environ.get("TRANSFER_LAB_HOME") or Path.home() / ".cache" / "transfer-learning-lab")


def sample_set_folder() -> Path:
    """The drawn sample set, one subfolder per version."""
    return app_folder() / "sample"


def uploads_folder() -> Path:
    """Data sets that users uploaded."""
    return app_folder() / "uploads"


def feedback_folder() -> Path:
    """Images whose true class a user marked on the Predict page, one subfolder per data set."""
    return app_folder() / "feedback"


def feature_cache_folder() -> Path:
    """The feature cache: features and decoded images. It may be deleted; its content is then computed again."""
    return app_folder() / "kept"


def networks_folder() -> Path:
    """Fingerprints and model files of networks as first built. It may be deleted; they are then built again."""
    return app_folder() / "networks"


def scan_cache_folder() -> Path:
    """The scan cache: what was read of each file of a data set. It may be deleted; the files are then read again."""
    return app_folder() / "scans"


def timings_folder() -> Path:
    """Measured training times of this machine. It may be deleted; they are then measured again."""
    return app_folder() / "paces"


def probes_folder() -> Path:
    """Which engine computes frozen layers fastest on this machine. It may be deleted; this is then measured again."""
    return timings_folder() / "engines"


def presets_folder() -> Path:
    """Presets that the user saved."""
    return app_folder() / "presets"


def keras_models_folder() -> Path:
    """Keras' cache of downloaded weights, below `KERAS_HOME` if set, otherwise below `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def device_locks_folder() -> Path:
    """This user's device locks in the temporary folder, one file per device."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"transfer-learning-lab-{user}"
