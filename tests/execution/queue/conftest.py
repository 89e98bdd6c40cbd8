"""Fixtures of the queue tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import lab, wait_for

from core.execution.queue.launcher import Launcher
from core.experiment.runs.run_store import RunStore
from core.machine.devices import DeviceLocks, cpu

__all__ = ["lab"]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def launcher(store: RunStore, tmp_path: Path) -> Iterator[Launcher]:
    """A launcher that starts real workers on the CPU; runs that are left at the end are stopped."""
    launcher = Launcher(store, DeviceLocks(tmp_path / "locks"), devices=lambda: (cpu(),))
    yield launcher
    for run in store.active():
        launcher.cancel(run.id)
    wait_for(lambda: not store.active(), 60)
    launcher.close()
