"""What launcher, store and streaming add to a training: the same one through them and as a bare script."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import psutil

from benchmarks.support.common import PROJECT, Figure, seconds, write_plan
from core.data.datasets.scan import data_folder, scan
from core.data.study_plan import plan_study
from core.execution.queue.launcher import Launcher
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy
from core.machine.devices import Leases, environment, training_devices

POLL_SECONDS = 0.2
PAIRS, EPOCHS = 5, 10


def overhead(room: Path, data: str, weights: str, quick: bool) -> Iterator[Figure]:
    """Seconds of all epochs but the first, which traces; worker and script in turn, the ratio of their medians."""
    config, manifest = _plan(data, weights, EPOCHS // 2 if quick else EPOCHS)
    plan = write_plan(room / "plan", config, manifest)
    through, alone = [], []
    for _ in range(1 if quick else PAIRS):
        through.append(_through_launcher(room, config, manifest))
        alone.append(_bare(plan))
    epochs, walls, worked = zip(*through, strict=True)
    bare_walls, bare_worked = zip(*alone, strict=True)
    what = f"Bare `model.fit`, {config.strategy.epochs - 1} epochs ({_range(bare_walls)})"
    yield Figure(what, seconds(median(bare_walls)))
    yield Figure(f"Launcher, store, streaming: epochs ({_range(epochs)})", _more(epochs, bare_walls), "under 3%")
    yield Figure(f"  with the checkpoints between them ({_range(walls)})", _more(walls, bare_walls), "under 3%")
    yield Figure("  the same in processor time, which other programs disturb less", _more(worked, bare_worked))


def _plan(data: str, weights: str, epochs: int) -> tuple[RunConfig, str]:
    """Feature extraction on the narrowest base, or with a weights file on the base of the usual size."""
    size = {"alpha": 0.35, "image_size": 96} if weights == "random" else {"alpha": 1.0, "image_size": 224}
    strategy = Strategy("feature-extraction", (Phase(0, 1e-3, epochs),))
    template = RunConfig(data=data, weights=weights, reuse=False, views=1, **size)
    return plan_study(template, [strategy], scan(data_folder(data)))[0]


def _through_launcher(room: Path, config: RunConfig, manifest: str) -> tuple[float, float, float]:
    """Of one run's epochs but the first: their own seconds, the seconds from row to row, the processor time."""
    store = RunStore(room / "training")
    launcher = Launcher(store, Leases(room / "leases"))
    try:
        run = store.create(config, manifest)
        launcher.submit(run.id)
        wall, worked = _follow(store, run)
    finally:
        launcher.close()
    return sum(row["seconds"] for row in store.metrics(run.id).epochs[1:]), wall, worked


def _follow(store: RunStore, run: Run) -> tuple[float, float]:
    """Seconds and processor time from the first epoch's row to the last one's. `RuntimeError` where the run fails."""
    seen: list[tuple[float, float]] = []
    while not (now := store.get(run.id)).state.is_finished:
        if len(store.metrics(run.id).epochs) > len(seen):
            times = psutil.Process(now.status.pid).cpu_times()
            seen.append((time.perf_counter(), times.user + times.system))
        time.sleep(POLL_SECONDS)
    if now.state is not State.COMPLETED or len(seen) < run.config.strategy.epochs:
        raise RuntimeError(f"{run.id}: {now.state}. {now.status.error and now.status.error.message}")
    return seen[-1][0] - seen[0][0], seen[-1][1] - seen[0][1]


def _bare(plan: Path) -> tuple[float, float]:
    """The same training as a script: seconds and processor time from the end of its first epoch to the last one's."""
    device = training_devices()[0].id
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.support.bare_training", str(plan), device],
        cwd=PROJECT,
        env=_environment(device),
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise RuntimeError(f"The bare training ended with {process.returncode}: {process.stderr[-500:]}")
    wall, worked = process.stdout.split()[-2:]
    return float(wall), float(worked)


def _environment(device: str) -> dict[str, str]:
    return os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"} | environment(device)


def _more(measured: Sequence[float], alone: Sequence[float]) -> str:
    return f"{100 * (median(measured) / median(alone) - 1):+.1f}%"


def _range(measured: Sequence[float]) -> str:
    return f"{min(measured):.2f} to {max(measured):.2f} s"
