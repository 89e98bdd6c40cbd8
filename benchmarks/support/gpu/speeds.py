"""Images per second of each part of a training, with the Keras backend of this process."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from core.data.datasets.augmentation import AugmentedCopy, augment_batch
from core.data.datasets.split import Manifest
from core.experiment.run_config import RunConfig
from core.experiment.strategy import ALL_LAYERS, Phase
from core.learning.inputs.batches import Batches
from core.learning.inputs.run_inputs import open_images
from core.learning.network.cut_points import CutPoint, cut_point_for
from core.learning.network.frozen_part import build_frozen_part
from core.learning.network.model import base_of, build_model
from core.learning.training.keras_phase import compile_phase

STEPS, DEPTH = 8, 30


def measure_speeds(config: RunConfig, manifest: Manifest, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the images per second of each part, and the seconds of its first call, in which it may be compiled.

    Args:
        seconds: how long each part is repeated.
    """
    train = open_images(replace(config, reuse=False), manifest, config.image_size)[0].train
    batches = min(STEPS, max(1, len(train) // config.batch_size))
    numbers = np.arange(min(len(train), batches * config.batch_size))  # whole batches: each other size is compiled anew
    count, hashes = len(numbers), [train.hashes[number] for number in numbers]
    pixels, labels = train.pixels[numbers], train.labels[numbers]
    copy = AugmentedCopy(config.augmentation, 0)
    model = build_model(config, len(manifest.classes))
    cut_points = [cut_point_for(base_of(model), depth) for depth in (DEPTH, 0)]
    frozen_part = build_frozen_part(base_of(model), cut_points, config.batch_size, config.backbone.scaling)

    def step(unfreeze: int, cut_point: CutPoint | None, inputs: np.ndarray) -> Callable[[], object]:
        network = compile_phase(model, Phase(unfreeze, 1e-4, 1), cut_point)
        return lambda: _fit(network, inputs, labels, config.batch_size)

    yield _rate("decoding", lambda: train.pixels[numbers], count, seconds)
    yield _rate("augmentation on the CPU", lambda: augment_batch(pixels, hashes, copy), count, seconds)
    yield _rate("frozen part, for 30 layers and the head", lambda: frozen_part(pixels), count, seconds)
    features = np.asarray(frozen_part(pixels)[0], np.float16)
    yield _rate("training step above the cut, 30 layers", step(DEPTH, cut_points[0], features), count, seconds)
    yield _rate("training step, all layers", step(ALL_LAYERS, None, pixels), count, seconds)


def _fit(network: keras.Model, inputs: np.ndarray, labels: np.ndarray, batch_size: int) -> None:
    batches = Batches.of(lambda numbers, epoch: inputs[numbers], labels, batch_size, shuffle_seed=0)
    network.fit(batches, epochs=1, shuffle=False, verbose=0)


def _rate(name: str, call: Callable[[], object], images: int, seconds: float) -> dict[str, Any]:
    start = time.perf_counter()
    call()
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds or not calls:
        call()
        calls += 1
    rate = images * calls / (time.perf_counter() - began)
    return {"measure": name, "images_per_second": rate, "first_call": began - start}
