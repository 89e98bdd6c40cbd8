"""Runs on a full disk: a small file system in memory. Skipped if the tests may not mount one."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Lab

from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore
from core.learning.training.checkpoint import Checkpoints

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("job", ["fill_disk", "fill_disk_with_checkpoints"])
def test_a_full_disk_is_reported_and_everything_written_before_is_intact(lab: Lab, small_disk: Path, job: str):
    lab.store = RunStore(small_disk / "runs")
    lab.launch()
    run = lab.add(job)
    failed = lab.wait(run, State.FAILED)
    assert failed.status.error.kind == "disk full" and "resume" in failed.status.error.advice
    metrics = lab.store.metrics(run.id)
    assert metrics.epochs and [row["epoch"] for row in metrics.epochs] == list(range(1, len(metrics.epochs) + 1))
    assert [run.state for run in RunStore(small_disk / "runs").runs()] == [State.FAILED]
    if job == "fill_disk_with_checkpoints":
        assert Checkpoints(lab.store.path(run.id) / "checkpoint").load().epoch == len(metrics.epochs)


def test_a_run_can_be_resumed_when_space_is_free_again(lab: Lab, small_disk: Path):
    lab.store = RunStore(small_disk / "runs")
    launcher, run = lab.launch(), lab.add("fill_disk")
    lab.wait(run, State.FAILED)
    (lab.store.path(run.id) / "metrics.jsonl").unlink()
    lab.jobs[0] = "quick"
    launcher.resume(run.id)
    lab.wait(run, State.COMPLETED)
