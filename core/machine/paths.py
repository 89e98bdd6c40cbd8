"""Where the program keeps what it draws, receives and fetches: one folder of the user's, never the project."""

import os
from pathlib import Path


def home() -> Path:
    """The program's own folder: `TRANSFER_LAB_HOME` where it is set, else `~/.cache/transfer-learning-lab`."""
    return Path(os.environ.get("TRANSFER_LAB_HOME") or Path.home() / ".cache" / "transfer-learning-lab")
