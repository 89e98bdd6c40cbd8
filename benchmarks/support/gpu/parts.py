"""Started by `gpu.py`, not by hand: one part, with the Keras backend of this process.

`python -m benchmarks.support.gpu.parts PART FOLDER PRECISION DEVICE`: FOLDER holds the inputs of a run, and
tutorial.json. Each result is printed as a line of JSON when it is there.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from benchmarks.support.common import PROJECT
from benchmarks.support.engine_run import TimingReporter
from benchmarks.support.gpu.speeds import measure_speeds
from benchmarks.tutorial import train_plan
from core.data.cache.feature_cache import FeatureCache
from core.experiment.run_config import SAMPLE, RunConfig
from core.learning.inputs.run_inputs import open_images, read_manifest
from core.learning.network.accelerator import has_gpu
from core.learning.network.base import build_base
from core.learning.network.model import build_model
from core.learning.training.job import train_run
from core.learning.training.loop import train

Result = dict[str, Any]


def main(part: str, folder: Path, precision: str, device: str) -> None:
    keras.config.set_dtype_policy(precision)
    _start_device()
    for result in PARTS[part](folder, precision, device):
        print(json.dumps(result), flush=True)


def _start_device() -> None:
    """Let the backend find its device and load its libraries, so that no measurement includes this."""
    product = keras.ops.matmul(keras.ops.ones((64, 64)), keras.ops.ones((64, 64)))
    keras.ops.convert_to_numpy(product)


def _losses(folder: Path, precision: str, device: str) -> Iterator[Result]:
    """Losses of each epoch of a run of one seed. Its dropout is 0, because each backend draws other random numbers."""
    config, manifest = read_config(folder), read_manifest(folder)
    model = build_model(config, len(manifest.classes))
    data, _ = open_images(config, manifest, config.image_size)
    outcome = train(config, model, data, lambda row: None)
    yield {"on_gpu": has_gpu(), "losses": [[row["loss"], row["val_loss"]] for row in outcome.rows]}


def _engine(folder: Path, precision: str, device: str) -> Iterator[Result]:
    FeatureCache().clear()
    reporter, start = TimingReporter(folder), time.perf_counter()
    reporter.device_id = device
    train_run(read_config(folder), reporter, precision)
    accuracy = json.loads((folder / "evaluation.json").read_text())["accuracy"]
    yield {"rows": reporter.rows, "seconds": time.perf_counter() - start, "test_accuracy": accuracy}


def _tutorial(folder: Path, precision: str, device: str) -> Iterator[Result]:
    plan = json.loads((folder / "tutorial.json").read_text())
    if plan["weights"] == SAMPLE:  # Keras itself cannot read this file
        config, plan["weights"] = read_config(folder), str(folder / "base.weights.h5")
        build_base(config.backbone, config.alpha, config.image_size, SAMPLE).save_weights(plan["weights"])
    yield train_plan(plan | {"precision": precision})


def read_config(folder: Path) -> RunConfig:
    return RunConfig.from_json(json.loads((folder / "config.json").read_text(encoding="utf-8")))


def _speeds(folder: Path, precision: str, device: str) -> Iterator[Result]:
    seconds = json.loads((folder / "speeds.json").read_text())["seconds"]
    yield from measure_speeds(read_config(folder), read_manifest(folder), seconds)


PARTS = {"losses": _losses, "speeds": _speeds, "engine": _engine, "tutorial": _tutorial}


if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT))
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
