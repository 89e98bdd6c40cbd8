"""How a worker that was started ahead is given its run, and becomes that run's worker: both ends of one pipe."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EXPENDABILITY = Path("/proc/self/oom_score_adj")  # Linux alone has it


def send_run(run: Path, stdin: BinaryIO) -> None:
    """Send the run's folder, whatever letters are in it, as one line. Raises `OSError` where nobody reads it."""
    stdin.write(json.dumps(str(run)).encode("ascii") + b"\n")
    stdin.close()


def receive_run() -> Path | None:
    """The run that is handed over; None where whoever started this process has died or given it up."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return None
    run = Path(json.loads(line))
    _redirect(os.devnull, os.O_RDONLY, 0)
    _redirect(run / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 1, 2)
    return run


def _redirect(path: str | Path, mode: int, *targets: int) -> None:
    """Make these descriptors the file's, also for what libraries written in C print."""
    opened = os.open(path, mode, 0o666)
    for target in targets:
        os.dup2(opened, target)
    os.close(opened)


@contextlib.contextmanager
def killed_first() -> Iterator[None]:
    """When memory runs out meanwhile, Linux shall end this process rather than one that trains."""
    if not _EXPENDABILITY.exists():
        yield
        return
    before = _EXPENDABILITY.read_text()
    with contextlib.suppress(OSError):  # a container may forbid it; then all are equal before the kernel
        _EXPENDABILITY.write_text("1000")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            _EXPENDABILITY.write_text(before)
