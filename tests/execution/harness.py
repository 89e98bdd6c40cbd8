"""Launchers on a temporary folder, with real worker processes that need no Keras."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from core.execution.queue.launcher import Launcher
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.machine.devices import Device, DeviceLocks, cpu
from core.machine.processes import find_process

STUB = Path(__file__).with_name("stub_worker.py")


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> object:
    """Wait until `condition()` is true and return its value; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.02)
    return value


def enable_ctrl_c() -> None:
    """For `preexec_fn`: let a child process receive SIGINT even if the tests run in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def worker_process(status: RunStatus) -> psutil.Process | None:
    """Return the worker process named in a run's status; None if it has ended."""
    return find_process(status.worker)


@dataclass
class Lab:
    """A store and its launchers. `jobs` maps the seed of a run to the job of its worker (see `stub_worker.py`).

    `started` lists the ids of the runs for which a new worker was started.
    """

    root: Path
    store: RunStore
    device_locks: DeviceLocks
    jobs: dict[int, str] = field(default_factory=dict)
    launchers: list[Launcher] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def launch(self, **options: object) -> Launcher:
        options = {"devices": lambda: (cpu(),), "command": self.command, "grace": 3.0} | options
        self.launchers.append(Launcher(self.store, self.device_locks, **options))
        return self.launchers[-1]

    def command(self, run: Path, device: str, locks_folder: Path) -> list[str]:
        self.started.append(run.name)
        job = self.jobs[self.store.get(run.name).config.seed]
        return [sys.executable, str(STUB), job, str(run), "--device", device, "--locks", str(locks_folder)]

    def add(self, job: str) -> Run:
        """Create a queued run whose worker will do `job`."""
        seed = len(self.jobs)
        self.jobs[seed] = job
        run = self.store.create(RunConfig(seed=seed), "path,hash,label,split\n")
        (self.store.path(run.id) / "job").write_text(job)
        return run

    def state(self, run: Run) -> State:
        return self.store.get(run.id).state

    def wait(self, run: Run, *states: State) -> Run:
        wait_for(lambda: self.state(run) in states)
        return self.store.get(run.id)

    def process(self, run: Run) -> psutil.Process:
        return wait_for(lambda: worker_process(self.store.get(run.id).status))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path, RunStore(tmp_path / "runs", stale_after=2.0), DeviceLocks(tmp_path / "locks"))
    yield lab
    for launcher in lab.launchers:
        launcher.close()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def two_devices() -> tuple[Device, ...]:
    return (Device("gpu-0", "one", 1, 0, 0.0, (8, 0)), Device("gpu-1", "two", 1, 0, 0.0, (8, 0)))


__all__ = ["Lab", "NoSuchRun", "enable_ctrl_c", "two_devices", "wait_for"]
