"""A brief measurement of this machine: how long the parts of a run take at some settings."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from core.data.datasets.augmentation import AugmentedCopy, augment_batch
from core.data.datasets.decode import THREADS, load_image
from core.experiment.run_config import RunConfig
from core.experiment.strategy import FROM_SCRATCH, Phase
from core.experiment.timings import PhaseTimings, Timings
from core.learning.network.cut_points import CutPoint, cut_point_for
from core.learning.network.frozen_part import build_frozen_part
from core.learning.network.model import base_of, build_transfer_model
from core.learning.network.small_cnn import build_small_cnn
from core.learning.training.batches import Batches
from core.learning.training.frozen_features import fingerprint
from core.learning.training.loop import compile_phase

FILES = 16
"""Images that are read to see how long that takes."""


def measure_timings(config: RunConfig, classes: int, files: Sequence[Path], depths: Sequence[int]) -> Timings:
    """The pace of phases that train the top so many layers (`FROM_SCRATCH`: the baseline), on random pixels.

    Takes a few seconds a depth. Raises `WeightsError`, `UnreadableImage`.
    """
    began = time.perf_counter()
    models = {}
    if FROM_SCRATCH in depths:
        models[FROM_SCRATCH] = build_small_cnn(classes, config.image_size, config.seed)
    if with_base := [depth for depth in depths if depth != FROM_SCRATCH]:
        models |= dict.fromkeys(
            with_base, build_transfer_model(classes, config.image_size, config.alpha, config.weights, config.seed)
        )
    build = time.perf_counter() - began
    phases = {depth: _measure_phase(config, models[depth], classes, depth) for depth in depths}
    return Timings(build, _decoding(files[:FILES], config.image_size), phases)


def _decoding(files: Sequence[Path], size: int) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        read = list(pool.map(lambda path: load_image(path, size), files))
    return (time.perf_counter() - began) / max(1, len(read))


def _measure_phase(config: RunConfig, model: keras.Model, classes: int, depth: int) -> PhaseTimings:
    base = base_of(model)
    cut = cut_point_for(base, depth) if config.reuse and base is not None else None
    began = time.perf_counter()
    above = compile_phase(model, Phase(depth, 1e-6, 1), cut)
    clock = _Clock()
    steps = 8 if cut else 2
    shape = cut.shape if cut else model.input_shape[1:]
    some = np.random.default_rng(0).random((config.batch_size, *shape)).astype(np.float32)
    labels = np.arange(steps * config.batch_size, dtype=np.int32) % classes
    batches = [Batches(lambda numbers, epoch: some[numbers % len(some)], labels, config.batch_size) for _ in range(2)]
    above.fit(batches[0], validation_data=batches[1], epochs=2, verbose=0, shuffle=False, callbacks=[clock])
    whole = time.perf_counter() - began
    return PhaseTimings(
        cut.name if cut else "",
        tuple(shape),
        fingerprint(base, cut) if cut else "",
        whole - 2 * (clock.trained + clock.checked),
        clock.trained / steps,
        clock.checked / steps,
        _measure_frozen(config, base, cut) if cut else 0.0,
    )


class _Clock(keras.callbacks.Callback):
    """How long training and validation of the last epoch took: the first one traces."""

    trained = checked = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._began = time.perf_counter()

    def on_test_begin(self, logs: dict | None = None) -> None:
        self.trained = time.perf_counter() - self._began
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.checked = time.perf_counter() - self._began


def _measure_frozen(config: RunConfig, base: keras.Model, cut: CutPoint) -> float:
    """Seconds an image from pixels to its row; the first batch is not counted."""
    trunk = build_frozen_part(base, (cut,), config.batch_size)
    pixels = np.random.default_rng(0).integers(0, 256, (config.batch_size, *base.input_shape[1:]), np.uint8)
    images = [f"{number:064x}" for number in range(len(pixels))]
    for _ in range(2):
        began = time.perf_counter()
        trunk(augment_batch(pixels, images, AugmentedCopy(config.augmentation, 0)))
        took = time.perf_counter() - began
    return took / len(pixels)
