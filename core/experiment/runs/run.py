"""A run, its state and status, and the study to which it belongs."""

import re
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final

from core.experiment.run_config import RunConfig
from core.machine.processes import ProcessIdentity

STUDY_ID: Final = re.compile(r"\d{8}-\d{6}-\d{3}")
RUN_ID: Final = re.compile(rf"({STUDY_ID.pattern})-\d{{2,3}}-[a-z0-9-]{{1,60}}")

Row = dict[str, Any]
"""One line of metrics.jsonl: a row of kind "epoch", "step" or "resume"."""


class State(StrEnum):
    """State of a run. `LOST` and `CORRUPT` are computed by readers and never written.

    `STARTING`: a worker is alive but has not trained a batch. `STOPPING`: a stop was requested and noticed. `STOPPED`:
    ended on request. `DIVERGED`: the loss became infinite or NaN. `LOST`: the worker is dead or its heartbeat ceased.
    `CORRUPT`: the configuration or the status cannot be read.
    """

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    DIVERGED = "diverged"
    LOST = "lost"
    CORRUPT = "corrupt"

    @property
    def is_finished(self) -> bool:
        return self in (State.COMPLETED, State.STOPPED, State.FAILED, State.DIVERGED, State.CORRUPT)

    @property
    def has_worker(self) -> bool:
        """Whether a worker wrote this state and has not written its last one."""
        return self in (State.STARTING, State.RUNNING, State.STOPPING)

    @property
    def is_resumable(self) -> bool:
        """Whether training can continue. A diverged run is excluded because it would diverge again."""
        return self in (State.STOPPED, State.FAILED)


@dataclass(frozen=True)
class RunError:
    """Why a run ended early: a short kind, a sentence on what happened and one on what to do."""

    kind: str
    message: str
    advice: str


_FIELD_TYPES: Final = {
    **dict.fromkeys(("phase", "epoch", "beat", "pid"), int),
    **dict.fromkeys(("note", "remark", "host", "machine", "boot", "device", "precision", "backend"), str),
    **dict.fromkeys(("started", "ended"), float | int | None),
    **dict.fromkeys(("pid_created", "images_per_second", "saved_seconds"), float | int),
}


@dataclass(frozen=True)
class RunStatus:
    """Progress of a run, written to status.json.

    Args:
        phase, epoch: counted from 1; 0 before training.
        note: the current activity.
        remark: a message to the user about the run.
        started, ended: Unix seconds.
        beat: the heartbeat, a counter that the worker increments every second.
        host, machine, boot, pid, pid_created: identity of the worker process; `pid_created` is its start time in Unix
            seconds. `machine` and `boot` are "" in runs of earlier versions.
        device, precision, backend: what the run trains on, in which dtype policy, and with which backend of Keras.
        images_per_second: training speed in the current epoch.
        saved_seconds: computing time saved by cached features.
    """

    state: State = State.QUEUED
    phase: int = 0
    epoch: int = 0
    note: str = ""
    remark: str = ""
    started: float | None = None
    ended: float | None = None
    beat: int = 0
    host: str = ""
    pid: int = 0
    pid_created: float = 0.0
    device: str = ""
    precision: str = ""
    images_per_second: float = 0.0
    saved_seconds: float = 0.0
    error: RunError | None = None
    backend: str = ""
    machine: str = ""
    boot: str = ""

    @property
    def worker(self) -> ProcessIdentity:
        """The identity of the worker process."""
        return {
            "host": self.host,
            "machine": self.machine,
            "boot": self.boot,
            "pid": self.pid,
            "pid_created": self.pid_created,
        }

    def queued_again(self) -> "RunStatus":
        """The status of the run when it waits for another worker: how far it has come."""
        return RunStatus(phase=self.phase, epoch=self.epoch)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RunStatus":
        """The status that `to_json` wrote. Raises `ValueError` on other data; unknown fields are ignored."""
        try:
            known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
            error = RunError(**known["error"]) if known.get("error") else None
            status = cls(**known | {"state": State(known["state"]), "error": error})
            if not all(isinstance(getattr(status, name), types) for name, types in _FIELD_TYPES.items()):
                raise ValueError("a field of another type")
            return status
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"Expected a run status; received {str(data)[:80]}.") from error


class _RunFolder:
    """Fields and properties shared by readable and corrupt runs."""

    id: str
    status: RunStatus

    @property
    def state(self) -> State:
        return self.status.state

    @property
    def study(self) -> str:
        """The id of the run's study, which is the beginning of the run's id."""
        return study_of(self.id)


@dataclass(frozen=True)
class Run(_RunFolder):
    """A snapshot of one training run."""

    id: str
    config: RunConfig
    status: RunStatus

    @property
    def title(self) -> str:
        return self.config.strategy.title

    def with_state(self, state: State) -> "Run":
        return replace(self, status=replace(self.status, state=state))


@dataclass(frozen=True)
class CorruptRun(_RunFolder):
    """A run whose `config.json` or `status.json` cannot be read. `status.error` says why."""

    id: str
    status: RunStatus

    @property
    def title(self) -> str:
        return self.id


AnyRun = Run | CorruptRun


@dataclass(frozen=True)
class Study:
    """Runs started together to be compared: strategies x seeds on the same images."""

    id: str
    runs: tuple[AnyRun, ...]

    @property
    def is_finished(self) -> bool:
        return all(run.state.is_finished for run in self.runs)


def queue_order(run: Run) -> tuple[str, int, str]:
    """Sort key for the order in which runs train.

    Studies are sorted by start. Within a study, runs with more depths come first, because the others can reuse the
    features that they cache.
    """
    return run.study, -len(run.config.strategy.depths), run.id


def study_of(run_id: str) -> str:
    """The study id in a run id, e.g. `20261123-220052-417` in `20261123-220052-417-01-two-phase`; "" if invalid."""
    match = RUN_ID.fullmatch(run_id)
    return match.group(1) if match else ""
