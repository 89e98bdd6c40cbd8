"""Checkpoints of a training: the two newest are kept, each written atomically and verified by its hash."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.experiment.runs.run import Row
from core.learning.head.adam import Arrays
from core.machine.files import write_atomically


@dataclass(frozen=True)
class Checkpoint:
    """The state after an epoch, complete enough to resume training as if it had not been interrupted.

    Args:
        rows: the metrics of all epochs so far.
        weights: the weights that the run can change. Permanently frozen weights are not stored.
        optimizer: the optimizer's variables in the current phase.
        best: the weights of the best epoch.
    """

    rows: tuple[Row, ...]
    weights: Arrays
    optimizer: Arrays
    best: Arrays

    @property
    def epoch(self) -> int:
        epoch: int = self.rows[-1]["epoch"]
        return epoch


class Checkpoints:
    """The checkpoint folder of one run. `NNNN.npz` is valid only with its manifest `NNNN.json`, written after it."""

    KEEP = 2

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def save(self, state: Checkpoint) -> None:
        """Write a checkpoint and delete all but the two newest. Raises `OSError`; older ones then remain."""
        name = f"{state.epoch:04d}"
        content = _serialise(state)
        self._delete_old(keep=self.KEEP - 1, current=name)
        write_atomically(self._folder / f"{name}.npz", content, durable=True)
        manifest = {"epoch": state.epoch, "sha256": hashlib.sha256(content).hexdigest(), "rows": state.rows}
        write_atomically(self._folder / f"{name}.json", json.dumps(manifest), durable=True)

    def load(self) -> Checkpoint | None:
        """Return the newest checkpoint whose content matches its hash; None if there is none."""
        for manifest in sorted(self._folder.glob("*.json"), reverse=True):
            state = _read(manifest)
            if state:
                return state
        return None

    def _delete_old(self, keep: int, current: str) -> None:
        names = sorted((path.stem for path in self._folder.glob("*.json") if path.stem != current), reverse=True)
        for path in self._folder.iterdir():
            if path.stem not in names[:keep]:
                path.unlink()


def _serialise(state: Checkpoint) -> bytes:
    parts = {"weights": state.weights, "optimizer": state.optimizer, "best": state.best}
    named: dict[str, Any] = {
        f"{part}-{i:04d}": array for part, arrays in parts.items() for i, array in enumerate(arrays)
    }
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def _read(manifest: Path) -> Checkpoint | None:
    try:
        recorded = json.loads(manifest.read_text())
        content = manifest.with_suffix(".npz").read_bytes()
        if hashlib.sha256(content).hexdigest() != recorded["sha256"]:
            return None
        with np.load(io.BytesIO(content)) as stored:
            parts = {
                part: tuple(stored[name] for name in sorted(stored.files) if name.startswith(f"{part}-"))
                for part in ("weights", "optimizer", "best")
            }
        return Checkpoint(rows=tuple(recorded["rows"]), **parts)
    except (OSError, ValueError, KeyError):
        return None
