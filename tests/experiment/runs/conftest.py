"""A run store in a temporary folder."""

from pathlib import Path

import pytest

from core.experiment.runs.run_store import RunStore


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")
