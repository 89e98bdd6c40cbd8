"""Overhead of launcher, store and metric rows: the same training through them and as a bare script."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import psutil

from benchmarks.support.common import PROJECT, Measurement, seconds, write_plan
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.scan import scan
from core.data.study_plan import plan_study
from core.execution.queue.launcher import Launcher
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy
from core.machine.devices import DeviceLocks, device_environment, training_devices

POLL_SECONDS = 0.2
PAIRS, EPOCHS = 5, 10


def overhead(folder: Path, data: str, weights: str, quick: bool) -> Iterator[Measurement]:
    """Compare worker and script, in turn: ratio of the median times of all epochs except the first (tracing)."""
    config, manifest = _plan(data, weights, EPOCHS // 2 if quick else EPOCHS)
    plan = write_plan(folder / "plan", config, manifest)
    launched, bare = [], []
    for _ in range(1 if quick else PAIRS):
        launched.append(_train_with_launcher(folder, config, manifest))
        bare.append(_train_bare(plan))
    epochs, wall_times, cpu_times = zip(*launched, strict=True)
    bare_wall_times, bare_cpu_times = zip(*bare, strict=True)
    name = f"Bare `model.fit`, {config.strategy.epochs - 1} epochs ({_range(bare_wall_times)})"
    yield Measurement(name, seconds(median(bare_wall_times)))
    yield Measurement(
        f"Launcher, store, metric rows: epochs ({_range(epochs)})", _increase(epochs, bare_wall_times), "under 3%"
    )
    yield Measurement(
        f"  with the checkpoints between them ({_range(wall_times)})",
        _increase(wall_times, bare_wall_times),
        "under 3%",
    )
    yield Measurement(
        "  the same in processor time, less affected by other programs", _increase(cpu_times, bare_cpu_times)
    )


def _plan(data: str, weights: str, epochs: int) -> tuple[RunConfig, str]:
    """Plan feature extraction on the narrowest base, or on the standard base if a weights file is given."""
    size = {"alpha": 0.35, "image_size": 96} if weights == "random" else {"alpha": 1.0, "image_size": 224}
    strategy = Strategy("feature-extraction", (Phase(0, 1e-3, epochs),))
    template = RunConfig(data=data, weights=weights, reuse=False, views=1, **size)
    return plan_study(template, [strategy], scan(data_folder(data)))[0]


def _train_with_launcher(folder: Path, config: RunConfig, manifest: str) -> tuple[float, float, float]:
    """Train one run and measure all epochs except the first.

    Returns the seconds of the epochs themselves, the seconds from row to row, and the processor time.
    """
    store = RunStore(folder / "training")
    launcher = Launcher(store, DeviceLocks(folder / "locks"))
    try:
        run = store.create(config, manifest)
        launcher.submit(run.id)
        wall_time, cpu_time = _time_epochs(store, run)
    finally:
        launcher.close()
    return sum(row["seconds"] for row in store.metrics(run.id).epochs[1:]), wall_time, cpu_time


def _time_epochs(store: RunStore, run: Run) -> tuple[float, float]:
    """Return seconds and processor time from the first epoch's row to the last. Raises `RuntimeError`."""
    epoch_ends: list[tuple[float, float]] = []
    while not (current := store.get(run.id)).state.is_finished:
        if len(store.metrics(run.id).epochs) > len(epoch_ends):
            times = psutil.Process(current.status.pid).cpu_times()
            epoch_ends.append((time.perf_counter(), times.user + times.system))
        time.sleep(POLL_SECONDS)
    if current.state is not State.COMPLETED or len(epoch_ends) < run.config.strategy.epochs:
        raise RuntimeError(f"{run.id}: {current.state}. {current.status.error and current.status.error.message}")
    return epoch_ends[-1][0] - epoch_ends[0][0], epoch_ends[-1][1] - epoch_ends[0][1]


def _train_bare(plan: Path) -> tuple[float, float]:
    """Train with the bare script; return seconds and processor time from the end of the first epoch to the last."""
    device = training_devices()[0].id
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.support.bare_training", str(plan), device],
        cwd=PROJECT,
        env=_environment(device),
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise RuntimeError(f"Expected exit code 0; received {process.returncode}: {process.stderr[-500:]}")
    wall_time, cpu_time = process.stdout.split()[-2:]
    return float(wall_time), float(cpu_time)


def _environment(device: str) -> dict[str, str]:
    return os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"} | device_environment(device)


def _increase(measured: Sequence[float], baseline: Sequence[float]) -> str:
    return f"{100 * (median(measured) / median(baseline) - 1):+.1f}%"


def _range(measured: Sequence[float]) -> str:
    return f"{min(measured):.2f} to {max(measured):.2f} s"
