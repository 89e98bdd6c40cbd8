"""The pipe through which a prewarmed worker receives its run: the launcher's end and the worker's end."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_OOM_SCORE_FILE = Path("/proc/self/oom_score_adj")  # exists on Linux only


def send_run(run: Path, stdin: IO[bytes]) -> None:
    """Send the run's folder as one line of JSON and close the pipe. Raises `OSError` if the worker has ended."""
    stdin.write(json.dumps(str(run)).encode("ascii") + b"\n")
    stdin.close()


def receive_run() -> Path | None:
    """Wait for the run's folder and redirect the output to its log.txt; None if the launcher closed the pipe."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return None
    run = Path(json.loads(line))
    _redirect(os.devnull, os.O_RDONLY, 0)
    _redirect(run / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 1, 2)
    return run


def _redirect(path: str | Path, mode: int, *targets: int) -> None:
    """Point these file descriptors at the file, so that output of libraries written in C goes there too."""
    opened = os.open(path, mode, 0o666)
    for target in targets:
        os.dup2(opened, target)
    os.close(opened)


@contextlib.contextmanager
def killed_first_when_out_of_memory() -> Iterator[None]:
    """Within the block, let Linux kill this process before others if memory runs out; a training is worth more."""
    if not _OOM_SCORE_FILE.exists():
        yield
        return
    before = _OOM_SCORE_FILE.read_text()
    with contextlib.suppress(OSError):  # a container may forbid it; the kernel then chooses as usual
        _OOM_SCORE_FILE.write_text("1000")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            _OOM_SCORE_FILE.write_text(before)
