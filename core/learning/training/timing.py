"""Measure how long the parts of a run take on this machine, in a few seconds, to estimate its duration."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from core.data.datasets.augmentation import AugmentedCopy, augment_batch
from core.data.datasets.images.decode import THREADS, load_image
from core.experiment.named_strategies import BASELINE, FEATURE_EXTRACTION
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Row
from core.experiment.strategy import FROM_SCRATCH, Phase
from core.experiment.timings import PhaseTimings, Timings
from core.learning.network.cut_points import CutPoint
from core.learning.network.engines.bf16 import bf16_for
from core.learning.network.frozen_part import build_frozen_part, prefer
from core.learning.network.model import base_of, build_model
from core.learning.training.batches import Batches
from core.learning.training.frozen_features import fingerprint, starting_point
from core.learning.training.loop import compile_phase

MAX_FILES = 16
"""Number of image files that are read to time decoding."""


def measure_timings(config: RunConfig, classes: int, files: Sequence[Path], depths: Sequence[int]) -> Timings:
    """Time phases that train these numbers of top layers (`FROM_SCRATCH`: the baseline), on random pixels.

    Takes a few seconds per depth. Raises `WeightsError`, `UnreadableImage`.
    """
    began = time.perf_counter()
    models = {}
    if FROM_SCRATCH in depths:
        models[FROM_SCRATCH] = build_model(replace(config, strategy=BASELINE), classes)
    if with_base := [depth for depth in depths if depth != FROM_SCRATCH]:
        models |= dict.fromkeys(with_base, build_model(replace(config, strategy=FEATURE_EXTRACTION), classes))
    build_seconds = time.perf_counter() - began
    phases = {depth: _time_phase(config, models[depth], classes, depth) for depth in depths}
    return Timings(build_seconds, _time_decoding(files[:MAX_FILES], config.image_size), phases)


def _time_decoding(files: Sequence[Path], size: int) -> float:
    """Measure the seconds per image to read and decode these files."""
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        images = list(pool.map(lambda path: load_image(path, size), files))
    return (time.perf_counter() - began) / max(1, len(images))


def _time_phase(config: RunConfig, model: keras.Model, classes: int, depth: int) -> PhaseTimings:
    base = base_of(model)
    cut_point = starting_point(config, base, depth)
    began = time.perf_counter()
    network = compile_phase(model, Phase(depth, 1e-6, 1), cut_point)
    clock = _Clock()
    steps = 8 if cut_point else 2
    shape = cut_point.shape if cut_point else model.input_shape[1:]
    inputs = np.random.default_rng(0).random((config.batch_size, *shape)).astype(np.float32)
    labels = np.arange(steps * config.batch_size, dtype=np.int32) % classes
    training, validation = (
        Batches(lambda numbers, epoch: inputs[numbers % len(inputs)], labels, config.batch_size) for _ in range(2)
    )
    network.fit(training, validation_data=validation, epochs=2, verbose=0, shuffle=False, callbacks=[clock])
    total = time.perf_counter() - began
    return PhaseTimings(
        cut_point.name if cut_point else "",
        tuple(shape),
        fingerprint(config, base, cut_point) if cut_point else "",
        total - 2 * (clock.training + clock.validation),
        clock.training / steps,
        clock.validation / steps,
        _time_frozen_part(config, base, cut_point) if cut_point else 0.0,
    )


class _Clock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Measures the seconds of training and validation in the last epoch; the first epoch includes tracing."""

    training = validation = 0.0

    def on_epoch_begin(self, epoch: int, logs: Row | None = None) -> None:
        self._began = time.perf_counter()

    def on_test_begin(self, logs: Row | None = None) -> None:
        self.training = time.perf_counter() - self._began
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Row | None = None) -> None:
        self.validation = time.perf_counter() - self._began


def _time_frozen_part(config: RunConfig, base: keras.Model, cut_point: CutPoint) -> float:
    """Measure the seconds per image from pixels to features, with augmentation; the first batch is not counted."""
    settings = base, (cut_point,), config.batch_size, config.backbone.scaling
    bf16 = bf16_for(config)
    frozen_part = prefer(bf16.engine, *settings) if bf16 else build_frozen_part(*settings, few_images=0)
    pixels = np.random.default_rng(0).integers(0, 256, (config.batch_size, *base.input_shape[1:]), np.uint8)
    images = [f"{number:064x}" for number in range(len(pixels))]
    for _ in range(2):
        began = time.perf_counter()
        frozen_part(augment_batch(pixels, images, AugmentedCopy(config.augmentation, 0)))
        seconds = time.perf_counter() - began
    return seconds / len(pixels)
