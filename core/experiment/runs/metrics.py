"""Write and read metrics.jsonl: one process appends rows while others read the new ones."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.experiment.runs.run import Row

MAX_STEPS = 4_000
"""Step rows of a run that a reader holds in memory. Beyond this number it thins them out, keeping the extremes."""

_THINNING_WINDOW = 8


@dataclass(frozen=True)
class Metrics:
    """The rows of a run so far. `skipped` is the number of damaged lines in the file."""

    epochs: tuple[Row, ...] = ()
    steps: tuple[Row, ...] = ()
    skipped: int = 0

    @property
    def best(self) -> Row | None:
        """The epoch whose weights are saved: highest validation accuracy, then lowest validation loss."""
        return max(self.epochs, key=best_key, default=None)

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return max((row.get("elapsed", 0.0) for rows in (self.epochs, self.steps) for row in rows[-1:]), default=0.0)

    @property
    def phase_start_epochs(self) -> tuple[int, ...]:
        """The first epoch, counted from 1, of each phase but the first."""
        return tuple(
            row["epoch"]
            for previous, row in zip(self.epochs, self.epochs[1:], strict=False)
            if row["phase"] != previous["phase"]
        )


def best_key(row: Row) -> tuple[float, float]:
    """Sort key for epochs, larger is better: validation accuracy; lower validation loss breaks ties."""
    return row["val_accuracy"], -row["val_loss"]


class MetricsWriter:
    """Appends rows, each in a single write, so that a killed process leaves at most one incomplete line, the last."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        if _ends_incomplete(path):
            os.write(self._file, b"\n")

    def append(self, row: Row) -> None:
        """Append one row. Raises `OSError`, also if only a part could be written because the disk is full."""
        line = (json.dumps(row, allow_nan=False) + "\n").encode()
        while line:
            line = line[os.write(self._file, line) :]

    def close(self) -> None:
        os.close(self._file)


def _ends_incomplete(path: Path) -> bool:
    """Whether the last line has no line end."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


class MetricsReader:
    """Reads one file repeatedly: each `read` parses only the lines added since the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reset()

    def read(self) -> Metrics:
        """All rows so far, without an incomplete last line. A missing file has no rows."""
        try:
            self._add(self._new_lines())
        except FileNotFoundError:
            self._reset()
        return Metrics(tuple(self._epochs), tuple(self._steps), self._skipped)

    def _reset(self) -> None:
        self._offset, self._epochs, self._steps, self._skipped = 0, list[Row](), list[Row](), 0

    def _new_lines(self) -> Sequence[bytes]:
        with self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._offset:
                self._reset()
            file.seek(self._offset)
            complete, newline, _incomplete = file.read().rpartition(b"\n")
        self._offset += len(complete) + len(newline)
        return [line for line in complete.split(b"\n") if line.strip()]

    def _add(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            row = _parse(line)
            if row is None:
                self._skipped += 1
            elif row["kind"] == "resume":
                self._epochs = [r for r in self._epochs if r["epoch"] <= row["epoch"]]
                self._steps = [r for r in self._steps if r["epoch"] <= row["epoch"]]
            else:
                (self._epochs if row["kind"] == "epoch" else self._steps).append(row)
                if len(self._steps) > MAX_STEPS:
                    self._steps = _thinned(self._steps)


def _thinned(rows: list[Row]) -> list[Row]:
    """About half of the rows: those with the lowest and highest loss and accuracy per window, and the last row."""
    kept = {len(rows) - 1}
    for start in range(0, len(rows), _THINNING_WINDOW):
        window = range(start, min(start + _THINNING_WINDOW, len(rows)))
        kept |= {
            extreme(window, key=lambda i: rows[i][measure])
            for measure in ("loss", "accuracy")
            for extreme in (min, max)
        }
    return [rows[i] for i in sorted(kept)]


_REQUIRED_FIELDS = {
    "epoch": ("epoch", "phase", "loss", "accuracy", "val_loss", "val_accuracy"),
    "step": ("step", "epoch", "loss", "accuracy"),
    "resume": ("epoch",),
}


def _parse(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
        complete = row.keys() >= set(_REQUIRED_FIELDS[row["kind"]]) and all(
            isinstance(value, int | float) for name, value in row.items() if name != "kind"
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    # one string object per field name, shared by all rows, halves the memory
    return {sys.intern(name): value for name, value in row.items()} if complete else None
