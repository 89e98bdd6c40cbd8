"""metrics.jsonl: one writer appends rows, many readers follow it."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.experiment.runs.run import Row

MAX_STEPS = 4_000
"""Step rows that a reader keeps of a run: beyond them it keeps the extremes of ever longer stretches."""

_STRETCH = 8


@dataclass(frozen=True)
class Metrics:
    """The rows of a run so far. `skipped` counts damaged lines in the middle of the file."""

    epochs: tuple[Row, ...] = ()
    steps: tuple[Row, ...] = ()
    skipped: int = 0

    @property
    def best(self) -> Row | None:
        """The epoch whose weights count: highest validation accuracy, then lowest validation loss."""
        return max(self.epochs, key=best_key, default=None)

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return max((row.get("elapsed", 0.0) for rows in (self.epochs, self.steps) for row in rows[-1:]), default=0.0)

    @property
    def boundaries(self) -> tuple[int, ...]:
        """Epochs (the first = 1) with which a later phase began."""
        return tuple(
            row["epoch"]
            for before, row in zip(self.epochs, self.epochs[1:], strict=False)
            if row["phase"] != before["phase"]
        )


def best_key(row: Row) -> tuple[float, float]:
    """Larger is better: validation accuracy first, lower validation loss breaks ties."""
    return row["val_accuracy"], -row["val_loss"]


class MetricsWriter:
    """Appends rows, each a single write, so that a kill tears the last line at most."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        if _ends_torn(path):
            os.write(self._file, b"\n")

    def append(self, row: Row) -> None:
        """Write one row. Raises `OSError`, also where only a part of it could be written (the disk is full)."""
        line = (json.dumps(row, allow_nan=False) + "\n").encode()
        while line:
            line = line[os.write(self._file, line) :]

    def close(self) -> None:
        os.close(self._file)


def _ends_torn(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


class MetricsReader:
    """Follows one file: each `read` parses only what has been added since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forget()

    def read(self) -> Metrics:
        """All rows so far; an unfinished last line waits for its end. A missing file has no rows."""
        try:
            self._take(self._new_lines())
        except FileNotFoundError:
            self._forget()
        return Metrics(tuple(self._epochs), tuple(self._steps), self._skipped)

    def _forget(self) -> None:
        self._offset, self._epochs, self._steps, self._skipped = 0, list[Row](), list[Row](), 0

    def _new_lines(self) -> Sequence[bytes]:
        with self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._offset:
                self._forget()
            file.seek(self._offset)
            whole, newline, _torn = file.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        return [line for line in whole.split(b"\n") if line.strip()]

    def _take(self, lines: Sequence[bytes]) -> None:
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
    """About half of the rows: of each stretch those with the lowest and the highest loss and accuracy, and the last."""
    kept = {len(rows) - 1}
    for start in range(0, len(rows), _STRETCH):
        part = range(start, min(start + _STRETCH, len(rows)))
        kept |= {pick(part, key=lambda i: rows[i][measure]) for measure in ("loss", "accuracy") for pick in (min, max)}
    return [rows[i] for i in sorted(kept)]


_NEEDED = {
    "epoch": ("epoch", "phase", "loss", "accuracy", "val_loss", "val_accuracy"),
    "step": ("step", "epoch", "loss", "accuracy"),
    "resume": ("epoch",),
}


def _parse(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
        complete = row.keys() >= set(_NEEDED[row["kind"]]) and all(
            isinstance(value, int | float) for name, value in row.items() if name != "kind"
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    # names shared by all rows: a fresh text for each would double what they take
    return {sys.intern(name): value for name, value in row.items()} if complete else None
