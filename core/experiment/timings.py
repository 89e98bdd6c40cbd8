"""Measured training times of this machine, saved per setting and used to estimate the duration of a study."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from core.backbones.weights import SAMPLE_BASE
from core.experiment.run_config import RunConfig
from core.machine.files import read_json, write_atomically
from core.machine.keras_backend import backend_name


@dataclass(frozen=True)
class PhaseTimings:
    """Times, in seconds, of the parts of a phase at one depth.

    Args:
        cut: the cut point, a layer at whose output training starts; "" = training starts at the images.
        shape: shape of the features of one image at the cut point.
        weights: fingerprint of the frozen layers below the cut point.
        prepare: time until the first step, once per phase.
        step: time per training batch; `check` per validation batch.
        frozen: time per image to augment it and compute its features at the cut point.
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
    """Times in seconds: `build` to create the network, `decode` to read one image, and `phases` by depth."""

    build: float
    decode: float
    phases: dict[int, PhaseTimings]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "Timings":
        """The timings that `to_json` wrote. Raises `ValueError` on other data."""
        try:
            phases = {
                int(depth): PhaseTimings(**phase | {"shape": tuple(phase["shape"])})
                for depth, phase in data["phases"].items()
            }
            return cls(float(data["build"]), float(data["decode"]), phases)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"Expected timings; received {str(data)[:80]}.") from error


class TimingStore:
    """Timings as JSON files in one folder, one file per combination of settings that affect speed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, config: RunConfig) -> Timings:
        """The saved timings for these settings; timings without phases if none are saved."""
        try:
            return Timings.from_json(read_json(self._path(config)))
        except (OSError, ValueError):
            return Timings(0.0, 0.0, {})

    def add(self, config: RunConfig, measured: Timings) -> Timings:
        """Save new timings, merged with those of depths measured earlier, and return all. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        merged = Timings(measured.build, measured.decode, self.load(config).phases | measured.phases)
        write_atomically(self._path(config), json.dumps(merged.to_json()))
        return merged

    def _path(self, config: RunConfig) -> Path:
        """The file for the settings that affect speed.

        Random weights depend on the seed. A weights file may be replaced, so its time and size count too.
        """
        sample = config.backbone.sample
        file = sample.file if config.weights == SAMPLE_BASE and sample else Path(config.weights)
        stamp = file.stat() if file.is_file() else None
        settings = [
            platform.node(),
            config.image_size,
            config.batch_size,
            config.alpha,
            config.weights,
            stamp and (stamp.st_mtime_ns, stamp.st_size),
            config.seed if config.weights == "random" else None,
            config.reuse,
            config.base,
            backend_name(),
            config.frozen_precision,
            _version_of("openvino"),
        ]
        return self._folder / f"{hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:24]}.json"


def _version_of(package: str) -> str:
    """Version of an installed package; "" if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
