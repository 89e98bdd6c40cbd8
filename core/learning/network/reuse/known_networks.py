"""What is known of networks built earlier on this machine, so that a head needs no base to train and be saved."""

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

from core.backbones.weights import resolve_weights
from core.experiment.run_config import RunConfig
from core.machine.files import atomic_draft, write_atomically
from core.machine.paths import networks_folder

LAYOUT_VERSION: Final = 1
"""Increase it when the layers of the head or of the whole model change: older model files are then no longer used."""

MAX_FILES: Final = 16
"""The most files that are kept, the most recently used ones. A model file takes 2 to 20 MB."""


class KnownNetwork:
    """The network of a configuration with its initial base: its fingerprint, and a model file as a template.

    The weights file is recognised by its path, size and time. With random weights, which depend on the seed, nothing is
    kept and `name` is "". Raises `UnknownBase`, and `WeightsError` if the weights are not available.
    """

    def __init__(self, config: RunConfig, classes: int) -> None:
        backbone = config.backbone
        path = resolve_weights(backbone, config.weights, config.alpha, config.image_size)
        self.name = ""
        if path is not None:
            info = path.stat()
            file = [str(path), info.st_size, info.st_mtime_ns]
            network = [backbone.name, backbone.network, repr(dict(backbone.arguments)), repr(backbone.scaling)]
            key = [LAYOUT_VERSION, version("keras"), *file, *network, config.alpha, config.image_size]
            self.name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
        self._head = f"{classes}-{config.dropout}"

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the whole base; "" if it is not known."""
        try:
            text = self._fingerprint_file.read_text() if self.name else ""
        except (OSError, ValueError):
            return ""
        return text if re.fullmatch(r"[0-9a-f]{64}", text) else ""

    def remember_fingerprint(self, fingerprint: str) -> None:
        if self.name and fingerprint != self.fingerprint:
            with suppress(OSError):  # it would only save time
                _make_room()
                write_atomically(self._fingerprint_file, fingerprint)

    @property
    def template(self) -> Path | None:
        """A model file of this network with some head of the same shape and dropout; None if there is none."""
        if not self.name or not self._template_file.is_file():
            return None
        with suppress(OSError):
            os.utime(self._template_file)
        return self._template_file

    def remember_template(self, model_file: Path) -> None:
        """Keep a copy of the file of a model whose base has its initial weights."""
        if self.name and not self._template_file.is_file():
            with suppress(OSError):
                _make_room()
                draft_name = f".draft-{os.getpid()}-{self._template_file.name}"
                with atomic_draft(self._template_file, draft_name) as draft:
                    shutil.copyfile(model_file, draft)

    def forget_template(self) -> None:
        """Delete the template, because it cannot be used."""
        self._template_file.unlink(missing_ok=True)

    @property
    def _fingerprint_file(self) -> Path:
        return networks_folder() / f"{self.name}.txt"

    @property
    def _template_file(self) -> Path:
        return networks_folder() / f"{self.name}-{self._head}.keras"


def _make_room() -> None:
    """Create the folder, and delete all but its most recently used files."""
    folder = networks_folder()
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[MAX_FILES - 1 :]:
        path.unlink(missing_ok=True)
