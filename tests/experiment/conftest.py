"""A store in a folder of its own, and real processes beside the tests'."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.experiment.run_store import RunStore

PROJECT = Path(__file__).parents[2]
Start = Callable[..., subprocess.Popen]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python code in a process of its own, with arguments in `sys.argv`; what is left over is killed."""
    started: list[subprocess.Popen] = []

    def start(code: str, *arguments: object) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=PROJECT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def output_of(start: Start) -> Callable[..., str]:
    """What Python code prints in a process of its own; it must end well."""

    def run(code: str, *arguments: object) -> str:
        process = start(code, *arguments)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out.strip()

    return run
