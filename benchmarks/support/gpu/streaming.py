"""A process whose results are read while it runs, so that nothing is lost when it is ended."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.support.common import PROJECT

Result = dict[str, Any]


def stream_results(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> Iterator[Result]:
    """Run a Python process, for at most `seconds`, and yield each JSON object that it prints, when it prints it.

    Raises `TimeoutError` if it was ended because of its time, `RuntimeError` if it fails.
    """
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=PROJECT,
            env=os.environ | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        is_late = threading.Event()
        timer = threading.Timer(seconds, lambda: (is_late.set(), process.kill()))
        timer.start()
        try:
            yield from (json.loads(line) for line in process.stdout or () if line.startswith("{"))
            process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
        if is_late.is_set():
            raise TimeoutError
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"Expected exit code 0; received {process.returncode}: {errors.read()[-800:].strip()}")
