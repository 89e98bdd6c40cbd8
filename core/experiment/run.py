"""What was asked for and what happened: the words that every other room uses."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Final

from core.backbones.mobilenet_v2 import ALPHAS, IMAGE_SIZES
from core.experiment.strategy import TWO_PHASE, Strategy, expect_integer, expect_number

PRECISIONS: Final = ("float16", "float32")
SAMPLE: Final = "sample"
"""The `data` of a run on the built-in drawn data set."""

STUDY_ID: Final = re.compile(r"\d{8}-\d{6}-\d{3}")
RUN_ID: Final = re.compile(rf"({STUDY_ID.pattern})-\d{{2,3}}-[a-z0-9-]{{1,60}}")


@dataclass(frozen=True)
class Augmentation:
    """Random changes to each training image; 0 or False switches one off.

    `rotation` is in full turns either way, `zoom` and `contrast` are fractions either way.
    """

    flip: bool = True
    rotation: float = 0.1
    zoom: float = 0.1
    contrast: float = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.flip, bool):
            raise ValueError(f"Expected flip to be true or false; received {self.flip!r}.")
        for name in ("rotation", "zoom", "contrast"):
            value = getattr(self, name)
            if value != 0:
                expect_number(f"augmentation {name} (or 0 to switch it off)", value, 0, 0.5)


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines a run. Round-trips through JSON exactly; refuses impossible values.

    Args:
        data: folder of class folders, or `SAMPLE`.
        weights: "imagenet", "sample", "random", or the path of a weights file for the base.
        seed: fixes the head's first weights, the order of images, augmentation and dropout.
        split_seed: fixes which images go to train, validation and test.
        patience: stop a phase after so many epochs without a better validation loss; 0 = never.
        class_weights: weigh classes by inverse frequency in the loss.
        deterministic: same seed, same weights, bit for bit, on the same machine; slower on GPUs.
        mixed_precision: let a GPU that gains from it compute in 16 bits.
        views: how many augmented versions of each training image the epochs take in turn; 0 = a new one each epoch,
            1 = the image as it is.
        reuse: keep what the frozen part computes and take it from there; False computes everything anew.
        kept_precision: of what is kept, "float16" or "float32".
        leak_free: near-duplicates stay on one side of the split; False divides carelessly, to see what leaks do.
    """

    data: str = SAMPLE
    strategy: Strategy = TWO_PHASE
    seed: int = 0
    split_seed: int = 0
    batch_size: int = 32
    image_size: int = 224
    alpha: float = 1.0
    weights: str = "imagenet"
    augmentation: Augmentation = field(default_factory=Augmentation)
    patience: int = 0
    class_weights: bool = False
    deterministic: bool = False
    mixed_precision: bool = True
    views: int = 4
    reuse: bool = True
    kept_precision: str = "float16"
    leak_free: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, Strategy) or not isinstance(self.augmentation, Augmentation):
            raise ValueError(
                f"Expected a Strategy and an Augmentation; received {self.strategy!r} and {self.augmentation!r}."
            )
        for name, low, high in (
            ("seed", 0, 2**31 - 1),
            ("split_seed", 0, 2**31 - 1),
            ("batch_size", 1, 1_024),
            ("patience", 0, 1_000),
            ("views", 0, 64),
        ):
            expect_integer(name, getattr(self, name), low, high)
        for name in ("class_weights", "deterministic", "mixed_precision", "reuse", "leak_free"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"Expected {name} to be true or false; received {getattr(self, name)!r}.")
        _expect_one_of("image_size", self.image_size, IMAGE_SIZES)
        _expect_one_of("alpha", self.alpha, ALPHAS)
        _expect_one_of("kept_precision", self.kept_precision, PRECISIONS)
        for name in ("data", "weights"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip() or "\0" in value or len(value) > 4_096:
                raise ValueError(f"Expected {name} to name a folder or file; received {str(value)[:80]!r}.")

    def without_seeds(self) -> "RunConfig":
        """The setting that replicates share: the same for runs that differ in their seeds alone."""
        return replace(self, seed=0, split_seed=0)

    def depths_of_alike(self, others: Iterable["RunConfig"]) -> frozenset[int]:
        """Down to which depths those of the others train that differ from this run in their strategy alone."""
        return frozenset().union(
            *(
                other.strategy.deepest_so_far
                for other in others
                if replace(self, strategy=other.strategy) == other and not other.strategy.is_from_scratch
            )
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"strategy": self.strategy.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RunConfig":
        """The configuration that `to_json` wrote. Raises `ValueError` naming what is wrong.

        One written before there was `leak_free` was divided carelessly.
        """
        if not isinstance(data, dict) or "strategy" not in data:
            raise ValueError(f"Expected a run configuration; received {str(data)[:80]}.")
        unknown = set(data) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"Expected only known settings; received {', '.join(sorted(unknown))}.")
        try:
            augmentation = Augmentation(**data.get("augmentation", {}))
        except TypeError as error:
            raise ValueError(f"Expected augmentation settings; received {data['augmentation']!r}.") from error
        strategy = Strategy.from_json(data["strategy"])
        return cls(**{"leak_free": False} | data | {"strategy": strategy, "augmentation": augmentation})


def _expect_one_of(name: str, value: object, choices: tuple[float | str, ...]) -> None:
    if type(value) is not type(choices[0]) or value not in choices:
        raise ValueError(f"Expected {name} to be one of {', '.join(map(str, choices))}; received {value!r}.")


class State(StrEnum):
    """Where a run stands. `LOST` and `CORRUPT` are said by readers, never written."""

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
    def is_resumable(self) -> bool:
        """A diverged run is not: it would diverge again; duplicate it with a lower rate."""
        return self in (State.STOPPED, State.FAILED)


@dataclass(frozen=True)
class RunError:
    """Why a run ended early: a short kind, one sentence of what happened, one of what to do."""

    kind: str
    message: str
    advice: str


_STATUS_KINDS: Final = {
    **dict.fromkeys(("phase", "epoch", "beat", "pid"), int),
    **dict.fromkeys(("note", "remark", "host", "device", "precision"), str),
    **dict.fromkeys(("started", "ended"), float | int | None),
    **dict.fromkeys(("pid_created", "images_per_second", "saved_seconds"), float | int),
}


@dataclass(frozen=True)
class RunStatus:
    """What happens now. `phase` and `epoch` count from 1; times are Unix seconds; `note` says what is being done.

    `remark` says what a person should know of the run; `saved_seconds` is what it took from earlier computation.
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

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RunStatus":
        """The status that `to_json` wrote. Raises `ValueError` on anything else; fields it does not know are left."""
        try:
            known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
            error = RunError(**known["error"]) if known.get("error") else None
            status = cls(**known | {"state": State(known["state"]), "error": error})
            if not all(isinstance(getattr(status, name), kind) for name, kind in _STATUS_KINDS.items()):
                raise ValueError("a field of another type")
            return status
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"Expected a run status; received {str(data)[:80]}.") from error


@dataclass(frozen=True)
class Run:
    """A snapshot of one training. `config` is None where its file cannot be read (state `CORRUPT`)."""

    id: str
    config: RunConfig | None
    status: RunStatus

    @property
    def state(self) -> State:
        return self.status.state

    @property
    def study(self) -> str:
        """The id of the study it belongs to, which begins its own id."""
        return study_of(self.id)

    @property
    def title(self) -> str:
        return self.config.strategy.title if self.config else self.id

    def with_state(self, state: State) -> "Run":
        return replace(self, status=replace(self.status, state=state))


@dataclass(frozen=True)
class Study:
    """Runs started together to be compared: strategies x seeds on the same images."""

    id: str
    runs: tuple[Run, ...]

    @property
    def is_finished(self) -> bool:
        return all(run.state.is_finished for run in self.runs)


def queue_place(run: Run) -> tuple[str, int, str]:
    """Sorts runs in the order in which they train: studies as they were started, and within one those first that open
    more depths, since what they compute for their phases serves the others too.
    """
    depths = len(run.config.strategy.depths) if run.config else 0
    return run.study, -depths, run.id


def study_of(run_id: str) -> str:
    """The study part of a run id, e.g. `20261123-220052-417` of `20261123-220052-417-01-two-phase`."""
    match = RUN_ID.fullmatch(run_id)
    return match.group(1) if match else ""


Row = dict[str, Any]
"""One line of metrics.jsonl: a row of kind "epoch", "step" or "resume"."""
