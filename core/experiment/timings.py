"""How fast a machine trains at some settings: measured once, kept, and asked before a start."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.backbones.weights import SAMPLE_FILE
from core.experiment.run_config import RunConfig
from core.machine.files import read_json, write_whole


@dataclass(frozen=True)
class PhaseTimings:
    """How long the parts of a phase take at one depth, in seconds.

    Args:
        cut: the layer from whose output it starts; "" = from the images.
        shape: of one image's row there.
        weights: the fingerprint of what lies below.
        prepare: until its first step, once.
        step: a batch of training; `check` one of validation.
        frozen: an image through the part below the cut, its view made.
    """

    cut: str
    shape: tuple[int, ...]
    weights: str
    prepare: float
    step: float
    check: float
    frozen: float


@dataclass(frozen=True)
class Timings:
    """`build` is the seconds until the network stands, `decode` those of reading an image, `phases` go by depth."""

    build: float
    decode: float
    phases: dict[int, PhaseTimings]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "Timings":
        """The pace that `to_json` wrote. Raises `ValueError` on anything else."""
        try:
            phases = {
                int(depth): PhaseTimings(**phase | {"shape": tuple(phase["shape"])})
                for depth, phase in data["phases"].items()
            }
            return cls(float(data["build"]), float(data["decode"]), phases)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"Expected a pace; received {str(data)[:80]}.") from error


class TimingStore:
    """Measured paces as JSON files, one for each setting that changes them, below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, config: RunConfig) -> Timings:
        """What is known at these settings; a pace without phases where nothing is."""
        try:
            return Timings.from_json(read_json(self._path(config)))
        except (OSError, ValueError):
            return Timings(0.0, 0.0, {})

    def add(self, config: RunConfig, pace: Timings) -> Timings:
        """Keep what was measured, beside the depths that are known already. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        whole = Timings(pace.build, pace.decode, self.load(config).phases | pace.phases)
        write_whole(self._path(config), json.dumps(whole.to_json()))
        return whole

    def _path(self, config: RunConfig) -> Path:
        """Random weights follow the seed, and a file may be replaced by another of its name, the program's own too."""
        file = SAMPLE_FILE if config.weights == "sample" else Path(config.weights)
        stamp = file.stat() if file.is_file() else None
        told = [
            platform.node(),
            config.image_size,
            config.batch_size,
            config.alpha,
            config.weights,
            stamp and (stamp.st_mtime_ns, stamp.st_size),
            config.seed if config.weights == "random" else None,
            config.reuse,
        ]
        return self._folder / f"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]}.json"
