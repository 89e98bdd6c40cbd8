"""Resumable states of a training: the two newest, each written whole and known by its hash."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.experiment.runs.run import Row
from core.machine.files import write_whole

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Checkpoint:
    """Everything needed to go on after an epoch as if nothing had happened.

    Args:
        rows: the epoch rows so far; the last one says where training stands.
        weights: those that the run may change. What stays frozen throughout is not written again each epoch.
        optimizer: the optimizer's variables within the phase.
        best: the weights of the best epoch.
    """

    rows: tuple[Row, ...]
    weights: Arrays
    optimizer: Arrays
    best: Arrays

    @property
    def epoch(self) -> int:
        return self.rows[-1]["epoch"]


class Checkpoints:
    """The checkpoint folder of one run. `NNNN.npz` counts only with `NNNN.json`, its manifest, written after it."""

    KEEP = 2

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def save(self, state: Checkpoint) -> None:
        """Write `state`, then drop all but the two newest. Raises `OSError`; older states then still stand."""
        name = f"{state.epoch:04d}"
        content = _pack(state)
        self._drop(keep=self.KEEP - 1, besides=name)
        write_whole(self._folder / f"{name}.npz", content, durable=True)
        manifest = {"epoch": state.epoch, "sha256": hashlib.sha256(content).hexdigest(), "rows": state.rows}
        write_whole(self._folder / f"{name}.json", json.dumps(manifest), durable=True)

    def load(self) -> Checkpoint | None:
        """The newest state whose content is as its hash says; None where there is none."""
        for manifest in sorted(self._folder.glob("*.json"), reverse=True):
            state = _read(manifest)
            if state:
                return state
        return None

    def _drop(self, keep: int, besides: str) -> None:
        names = sorted((path.stem for path in self._folder.glob("*.json") if path.stem != besides), reverse=True)
        for path in self._folder.iterdir():
            if path.stem not in names[:keep]:
                path.unlink()


def _pack(state: Checkpoint) -> bytes:
    parts = {"weights": state.weights, "optimizer": state.optimizer, "best": state.best}
    buffer = io.BytesIO()
    np.savez(buffer, **{f"{part}-{i:04d}": array for part, arrays in parts.items() for i, array in enumerate(arrays)})
    return buffer.getvalue()


def _read(manifest: Path) -> Checkpoint | None:
    try:
        known = json.loads(manifest.read_text())
        content = manifest.with_suffix(".npz").read_bytes()
        if hashlib.sha256(content).hexdigest() != known["sha256"]:
            return None
        with np.load(io.BytesIO(content)) as stored:
            parts = {
                part: tuple(stored[name] for name in sorted(stored.files) if name.startswith(f"{part}-"))
                for part in ("weights", "optimizer", "best")
            }
        return Checkpoint(rows=tuple(known["rows"]), **parts)
    except (OSError, ValueError, KeyError):
        return None
