"""The parts of `gpu.py`: each starts processes of one Keras backend and describes their results."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.support.common import Measurement, seconds, write_plan
from benchmarks.support.gpu.budget import Budget
from benchmarks.support.gpu.streaming import Result, stream_results
from benchmarks.support.split_folders import link_split
from core.data.datasets.folder_layout import data_folder, find_root
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest, split
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.strategy import ALL_LAYERS, Phase, Strategy
from core.machine.devices import CPU, Device, device_environment, fastest_dtype_policy, training_devices

ENGINE, TUTORIAL = "engine", "tutorial"
DEPTH = 30


@dataclass(frozen=True)
class Plan:
    """What is measured, and on which device.

    Args:
        epochs: of the head alone, and with open layers.
        seconds: how long the speed of each part is measured.
    """

    config: RunConfig
    manifest: Manifest
    device: Device
    epochs: tuple[int, int]
    seconds: float
    is_rehearsal: bool

    @property
    def heading(self) -> str:
        if self.device.id == CPU:
            return "No GPU was found: a rehearsal on the CPU. None of these figures says anything about a GPU."
        return f"On {self.device.name}" + ("; a rehearsal on a few drawn images" if self.is_rehearsal else "")

    def strategy(self, part: str) -> Strategy:
        head, fine = self.epochs
        two_phase = Phase(0, 1e-3, head), Phase(DEPTH, 1e-4, fine)
        return Strategy("measured", (Phase(ALL_LAYERS, 1e-4, fine),) if part == "all-layers" else two_phase)


def make_plan(arguments: argparse.Namespace) -> Plan:
    """Read and split the images. Raises `DataError`, and `OSError` if the weights file is missing."""
    data, weights = (SAMPLE, SAMPLE) if arguments.rehearse else (arguments.data, arguments.weights)
    size = {"image_size": 96, "alpha": 0.35} if weights == SAMPLE else {}
    weights = weights if weights == SAMPLE else str(Path(weights).resolve(strict=True))
    manifest, device = split(scan(data_folder(data))), training_devices()[0]
    return Plan(
        RunConfig(data=data if data == SAMPLE else str(Path(data).resolve()), weights=weights, **size),
        _first(manifest, 4) if arguments.rehearse else manifest,
        device,
        (1, 1) if arguments.rehearse else tuple(arguments.epochs),
        seconds=0.2 if arguments.rehearse else 2.0,
        is_rehearsal=arguments.rehearse or device.id == CPU,
    )


def _first(manifest: Manifest, count: int) -> Manifest:
    """The first images of each class in each split."""
    groups: dict[tuple[str, str], list] = {}
    for item in manifest.items:
        groups.setdefault((item.split, item.label), []).append(item)
    return Manifest(tuple(item for group in groups.values() for item in group[:count]))


class Measuring:
    """Measures the parts of the plan in processes, and appends each result to a file when it is there."""

    def __init__(self, folder: Path, plan: Plan, out: Path) -> None:
        self._folder, self._plan, self._out = folder, plan, out
        self._cpu_losses: np.ndarray | None = None
        self._tree = link_split(folder, find_root(data_folder(plan.config.data)), plan.manifest)

    def part(self, backend: str, part: str, budget: Budget) -> Iterator[Measurement]:
        """Yield the results of a part. Raises `TimeoutError`, and `RuntimeError` if a process fails."""
        measure = {"speeds": self._speeds, "losses": self._losses}.get(part)
        yield from measure(backend, budget) if measure else self._compare(backend, part, budget)

    def _speeds(self, backend: str, budget: Budget) -> Iterator[Measurement]:
        for result in self._run(backend, "speeds", budget, self._plan.strategy("two-phase")):
            text = f"{result['images_per_second']:,.0f} images/s, first call {seconds(result['first_call'])}"
            yield Measurement(f"{backend}: {result['measure']}", text)

    def _losses(self, backend: str, budget: Budget) -> Iterator[Measurement]:
        strategy = Strategy("measured", (Phase(0, 1e-3, 2), Phase(DEPTH, 1e-4, 1)))
        if self._cpu_losses is None:
            (result,) = self._run(backend, "losses", budget, strategy, on_cpu=True)
            self._cpu_losses = np.array(result["losses"])
        (result,) = self._run(backend, "losses", budget, strategy)
        difference = np.abs(np.array(result["losses"]) / self._cpu_losses - 1).max(axis=1)
        device = "the GPU" if result["on_gpu"] else "the CPU"
        text = ", ".join(f"{value:.0e}" for value in difference)
        yield Measurement(
            f"{backend}: losses on {device} against the CPU, relative, by epoch", text, "1e-3 in the first"
        )

    def _compare(self, backend: str, part: str, budget: Budget) -> Iterator[Measurement]:
        results = {}
        for way in (ENGINE, TUTORIAL):
            (results[way],) = self._run(backend, way, budget, self._plan.strategy(part))
            yield Measurement(f"{backend}: {part}, {way}", _describe(results[way]))
        ends = {part: -1} if part == "all-layers" else {"feature extraction": self._plan.epochs[0] - 1, part: -1}
        for name, epoch in ends.items():
            tutorial, engine = (results[way]["rows"][epoch]["seconds"] for way in (TUTORIAL, ENGINE))
            text = f"{tutorial / engine:.1f}x ({seconds(engine)} against {seconds(tutorial)})"
            yield Measurement(f"{backend}: {name}, to the end of its epochs", text)

    def _run(
        self, backend: str, part: str, budget: Budget, strategy: Strategy, on_cpu: bool = False
    ) -> Iterator[Result]:
        device = CPU if on_cpu else self._plan.device.id
        precision = "float32" if part == "losses" else fastest_dtype_policy(device)
        folder = self._write(part, strategy)
        environment = device_environment(device) | {
            "KERAS_BACKEND": backend,
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",
            **({"JAX_PLATFORMS": "cpu"} if device == CPU else {}),
            **({"NVIDIA_TF32_OVERRIDE": "0"} if part == "losses" else {}),  # else a GPU rounds float32 to 10 bits
        }
        command = "-m", "benchmarks.support.gpu.parts", part, str(folder), precision, device
        facts = {"backend": backend, "part": part, "strategy": strategy.to_json(), "precision": precision}
        facts |= {"device": "CPU" if device == CPU else self._plan.device.name, "rehearsal": self._plan.is_rehearsal}
        for result in stream_results(command, environment, budget.left):
            with self._out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(facts | result) + "\n")
            yield result

    def _write(self, part: str, strategy: Strategy) -> Path:
        """Write the inputs of a process to a folder of its own."""
        plan, number = self._plan, len(list(self._folder.glob("part-*")))
        is_plain = part == "losses"  # only a few images, and each epoch on the same ones
        config = replace(plan.config, strategy=strategy, **({"views": 1, "dropout": 0.0} if is_plain else {}))
        manifest = _first(plan.manifest, 16) if is_plain else plan.manifest
        folder = write_plan(self._folder / f"part-{number}", config, manifest.to_csv())
        tutorial = {
            "folder": str(self._tree),
            "weights": config.weights,
            "size": config.image_size,
            "alpha": config.alpha,
            "seed": config.seed,
            "phases": [(phase.unfreeze, phase.learning_rate, phase.epochs) for phase in strategy.phases],
            "cached": False,
        }
        (folder / "tutorial.json").write_text(json.dumps(tutorial))
        (folder / "speeds.json").write_text(json.dumps({"seconds": plan.seconds}))
        return folder


def _describe(result: Result) -> str:
    """Where the time of a training went, epoch by epoch."""
    ends = [0.0, *(row["seconds"] for row in result["rows"])]
    epochs = ", ".join(f"{end - start:.1f}" for start, end in pairwise(ends))
    rest, accuracy = result["seconds"] - ends[-1], 100 * result["test_accuracy"]
    return f"{seconds(result['seconds'])}: epochs {epochs} s, then {rest:.1f} s; test {accuracy:.1f}%"
