"""Shared by all benchmarks: a description of the machine, result tables, temporary folders and sample metric rows."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

from core.analysis.text import gigabytes
from core.backbones.registry import DEFAULT_BASE
from core.experiment.run_config import SAMPLE, RunConfig
from core.machine.devices import cpu, gpus

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("tensorflow", "keras", "streamlit")
WIDTHS = 66, 30
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's log lines would appear within the table


@dataclass(frozen=True)
class Measurement:
    """One row of the result table. `target` is empty if there is none."""

    name: str
    value: str
    target: str = ""


def machine() -> list[str]:
    """Describe the machine, one line per item. Imports none of the packages."""
    device = cpu()
    load = f"load {os.getloadavg()[0]:.1f} before the start" if hasattr(os, "getloadavg") else "load unknown"
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return [
        f"{device.name}, {gigabytes(device.memory_total)} memory, {load}",
        *(f"{gpu.name}, {gigabytes(gpu.memory_total)}" for gpu in gpus()),
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {packages}",
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def seconds(value: float) -> str:
    """Format a duration: 0.0123 -> "12 ms"; 1.234 -> "1.23 s"."""
    return f"{1000 * value:.0f} ms" if value < 0.9995 else f"{value:.2f} s"


def epoch_row(number: int, val_accuracy: float, duration: float) -> dict[str, int | float | str]:
    """Return an epoch row as a training on 420 images writes it. `duration`: seconds per epoch."""
    return {
        "kind": "epoch",
        "epoch": number,
        "phase": 1,
        "unfreeze": 0,
        "learning_rate": 1e-3,
        "loss": 1 / number,
        "accuracy": val_accuracy,
        "val_loss": 1 / number,
        "val_accuracy": val_accuracy,
        "seconds": duration,
        "elapsed": duration * number,
        "trainable_parameters": 165_514,
        "images_per_second": round(420 / duration, 1),
    }


def add_data(parser: ArgumentParser) -> None:
    """Add `--data` and `--weights`; by default the sample set and random weights."""
    parser.add_argument("--data", default=SAMPLE, help="folder with one subfolder per class; default: the sample set")
    parser.add_argument("--weights", default="random", help="imagenet, sample, random, or a file; default: random")


def add_network(parser: ArgumentParser, image_size: int = 224, alpha: float = 1.0) -> None:
    """Add `--image-size` and `--alpha`."""
    sizes = DEFAULT_BASE.image_sizes
    parser.add_argument("--image-size", type=int, default=image_size, choices=sizes, help="side in pixels")
    parser.add_argument("--alpha", type=float, default=alpha, choices=DEFAULT_BASE.widths, help="width of the base")


def run_python(*command: str) -> Any:
    """Run a Python process and return the JSON value on its last line of output. Raises `RuntimeError` if it fails."""
    process = subprocess.run([sys.executable, *command], cwd=PROJECT, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"Expected exit code 0; received {process.returncode}: {process.stderr[-800:]}")
    return json.loads(process.stdout.splitlines()[-1])


def write_plan(folder: Path, config: RunConfig, manifest: str) -> Path:
    """Create a folder with the inputs of a run, for `engine_run` and `bare_training`, and return it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config.to_json()), encoding="utf-8")
    (folder / "manifest.csv").write_text(manifest, encoding="utf-8")
    return folder


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Within the block, keep the program's own data and the device locks in a temporary folder, which is yielded.

    This applies to child processes too.
    """
    with tempfile.TemporaryDirectory(prefix="lab-benchmark-", ignore_cleanup_errors=True) as folder:
        for variable, name in (("TRANSFER_LAB_HOME", "home"), ("TMPDIR", "tmp")):
            (Path(folder) / name).mkdir()
            os.environ[variable] = str(Path(folder) / name)
        tempfile.tempdir = None
        yield Path(folder)


def print_table(measurements: Iterable[Measurement]) -> None:
    """Print one line per measurement, each as soon as it is available."""
    for row in chain([Measurement("Measurement", "Result", "Target")], measurements):
        print(f"{row.name:<{WIDTHS[0]}}{row.value:<{WIDTHS[1]}}{row.target}".rstrip(), flush=True)
