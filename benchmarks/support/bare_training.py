"""Started by `support/training.py`, not by hand: train PLAN/config.json with `model.fit` and nothing around it.

`python -m benchmarks.support.bare_training PLAN DEVICE` prints two durations from the end of the first epoch to the end
of the last: seconds, and processor seconds of all cores.
"""

import json
import sys
import time
from pathlib import Path

import keras

from core.data.datasets.folder_layout import data_folder, find_root
from core.data.datasets.split import Manifest
from core.experiment.run_config import RunConfig
from core.learning.inputs.batches import Batches
from core.learning.inputs.training_data import load_data
from core.learning.network.model import build_transfer_model, unfreeze_layers
from core.machine.devices import fastest_dtype_policy


class EpochTimer(keras.callbacks.Callback):
    """Record the time at the end of each epoch, as (clock time, processor time)."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[float, float]] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.ends.append((time.perf_counter(), time.process_time()))


def main(plan: Path, device: str) -> None:
    config = RunConfig.from_json(json.loads((plan / "config.json").read_text(encoding="utf-8")))
    manifest = Manifest.from_csv((plan / "manifest.csv").read_text(encoding="utf-8"))
    keras.config.set_dtype_policy(fastest_dtype_policy(device) if config.mixed_precision else "float32")
    model = build_transfer_model(len(manifest.classes), config.image_size, config.alpha, config.weights, config.seed)
    data = load_data(manifest, find_root(data_folder(config.data)), config.image_size)
    (phase,) = config.strategy.phases
    unfreeze_layers(model, phase.unfreeze)
    model.compile(
        keras.optimizers.Adam(phase.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile="auto" if device != "cpu" else False,
    )
    timer = EpochTimer()
    training, validation = (
        Batches.of(lambda numbers, epoch, pixels=images.pixels: pixels[numbers], images.labels, config.batch_size, seed)
        for images, seed in ((data.train, config.seed), (data.validation, None))
    )
    model.fit(training, epochs=phase.epochs, verbose=0, callbacks=[timer], validation_data=validation)
    print(*(last - first for first, last in zip(timer.ends[0], timer.ends[-1], strict=True)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
