"""What every figure needs: the machine in words, a row of the table, the row of an epoch."""

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
from core.backbones.mobilenet_v2 import ALPHAS, IMAGE_SIZES
from core.experiment.run_config import SAMPLE, RunConfig
from core.machine.devices import cpu, gpus

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("tensorflow", "keras", "streamlit")
WIDTHS = 66, 30
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's remarks would stand among the rows


@dataclass(frozen=True)
class Figure:
    """One row of the table. `target` is empty where there is none."""

    what: str
    value: str
    target: str = ""


def machine() -> list[str]:
    """What the figures were measured on, one line each. Imports none of the packages."""
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
    """0.0123 -> "12 ms"; 1.234 -> "1.23 s"."""
    return f"{1000 * value:.0f} ms" if value < 0.9995 else f"{value:.2f} s"


def epoch_row(number: int, val_accuracy: float, took: float) -> dict[str, int | float | str]:
    """An epoch row as a training on 420 images writes it."""
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
        "seconds": took,
        "elapsed": took * number,
        "trainable_parameters": 165_514,
        "images_per_second": round(420 / took, 1),
    }


def add_data(parser: ArgumentParser) -> None:
    """`--data` and `--weights`: the sample set and random weights where nothing is said."""
    parser.add_argument("--data", default=SAMPLE, help="folder of class folders; the sample set by default")
    parser.add_argument("--weights", default="random")


def add_network(parser: ArgumentParser, image_size: int = 224, alpha: float = 1.0) -> None:
    """`--image-size` and `--alpha`."""
    parser.add_argument("--image-size", type=int, default=image_size, choices=IMAGE_SIZES)
    parser.add_argument("--alpha", type=float, default=alpha, choices=ALPHAS)


def run_python(*command: str) -> dict[str, Any]:
    """What a Python process printed as JSON on its last line. Raises `RuntimeError` where it fails."""
    process = subprocess.run([sys.executable, *command], cwd=PROJECT, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"It ended with {process.returncode}: {process.stderr[-800:]}")
    return json.loads(process.stdout.splitlines()[-1])


def write_plan(folder: Path, config: RunConfig, manifest: str) -> Path:
    """A folder with what a run is to do, for `benchmarks.support.engine_run` and its like."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config.to_json()), encoding="utf-8")
    (folder / "manifest.csv").write_text(manifest, encoding="utf-8")
    return folder


@contextmanager
def own_room() -> Iterator[Path]:
    """A temporary folder in which the program's own folder and the device locks lie, here and for all it starts."""
    with tempfile.TemporaryDirectory(prefix="lab-benchmark-", ignore_cleanup_errors=True) as room:
        for variable, name in (("TRANSFER_LAB_HOME", "home"), ("TMPDIR", "tmp")):
            (Path(room) / name).mkdir()
            os.environ[variable] = str(Path(room) / name)
        tempfile.tempdir = None
        yield Path(room)


def print_table(figures: Iterable[Figure]) -> None:
    """A line a figure, each as soon as it is there."""
    for figure in chain([Figure("Measured", "Found", "Target")], figures):
        print(f"{figure.what:<{WIDTHS[0]}}{figure.value:<{WIDTHS[1]}}{figure.target}".rstrip(), flush=True)
