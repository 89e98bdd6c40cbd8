"""Measure how long the parts of a run take on this machine, in a few seconds, to estimate its duration."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np

from core.data.datasets.augmentation import AugmentedCopy, augment_batch
from core.data.datasets.images.decode import THREADS, load_image
from core.experiment.named_strategies import BASELINE, FEATURE_EXTRACTION
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Row
from core.experiment.strategy import FROM_SCRATCH, Phase
from core.experiment.timings import PhaseTimings, Timings
from core.learning.head.head_weights import predict_log_probabilities
from core.learning.head.trainer import HeadTrainer
from core.learning.inputs.batches import Batches
from core.learning.network.cut_points import CutPoint
from core.learning.network.engines.bf16 import bf16_for
from core.learning.network.run_network import RunNetwork
from core.learning.training.keras_phase import compile_phase

MAX_FILES = 16
"""Number of image files that are read to time decoding."""


def measure_timings(config: RunConfig, classes: int, files: Sequence[Path], depths: Sequence[int]) -> Timings:
    """Time phases that train these numbers of top layers (`FROM_SCRATCH`: the baseline), on random pixels.

    Takes a few seconds per depth. Raises `WeightsError`, `UnreadableImage`.
    """
    began = time.perf_counter()
    baseline, transfer = (
        RunNetwork(replace(config, strategy=strategy), classes, head_only=False)
        for strategy in (BASELINE, FEATURE_EXTRACTION)
    )
    networks = {depth: baseline if depth == FROM_SCRATCH else transfer for depth in depths}
    for network in set(networks.values()):
        network.model  # noqa: B018 - builds it
    build_seconds = time.perf_counter() - began
    phases = {depth: _time_phase(config, network, classes, depth) for depth, network in networks.items()}
    return Timings(build_seconds, _time_decoding(files[:MAX_FILES], config.image_size), phases)


def _time_decoding(files: Sequence[Path], size: int) -> float:
    """Measure the seconds per image to read and decode these files."""
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        images = list(pool.map(lambda path: load_image(path, size), files))
    return (time.perf_counter() - began) / max(1, len(images))


def _time_phase(config: RunConfig, network: RunNetwork, classes: int, depth: int) -> PhaseTimings:
    cut_point = network.cut_point(depth)
    if cut_point is None:
        return PhaseTimings("", network.model.input_shape[1:], "", *_time_keras(config, network, classes, depth), 0.0)
    seconds = _time_head(config, network, classes) if depth == 0 else _time_keras(config, network, classes, depth)
    frozen = _time_frozen_part(config, network, cut_point)
    return PhaseTimings(cut_point.name, cut_point.shape, network.fingerprint(cut_point), *seconds, frozen)


def _time_head(config: RunConfig, network: RunNetwork, classes: int) -> tuple[float, float, float]:
    """Measure (preparation, training step, validation step) of the head, in seconds.

    A phase of the head needs no preparation; what a run takes besides its steps is mostly saving the model.
    """
    began, steps = time.perf_counter(), 20
    with TemporaryDirectory() as folder:
        network.save(Path(folder) / "model.keras")
    saving = time.perf_counter() - began
    trainer = HeadTrainer(network.head, 1e-6, seed=0)
    trainer.start_epoch(0)
    features = np.random.default_rng(0).random((config.batch_size, len(network.head.hidden_kernel)), np.float32)
    labels = np.arange(config.batch_size) % classes
    began = time.perf_counter()
    for _ in range(steps):
        trainer.step(features, labels)
    trained = time.perf_counter()
    for _ in range(steps):
        predict_log_probabilities(trainer.head, features)
    return saving, (trained - began) / steps, (time.perf_counter() - trained) / steps


def _time_keras(config: RunConfig, network: RunNetwork, classes: int, depth: int) -> tuple[float, float, float]:
    """Measure (preparation, training step, validation step) of a phase that Keras trains, in seconds."""
    began, cut_point = time.perf_counter(), network.cut_point(depth)
    part = compile_phase(network.model, Phase(depth, 1e-6, 1), cut_point)
    clock = _Clock()
    steps = 8 if cut_point else 2
    inputs = np.random.default_rng(0).random((config.batch_size, *part.input_shape[1:])).astype(np.float32)
    labels = np.arange(steps * config.batch_size, dtype=np.int32) % classes
    training, validation = (
        Batches.of(lambda numbers, epoch: inputs[numbers % len(inputs)], labels, config.batch_size) for _ in range(2)
    )
    part.fit(training, validation_data=validation, epochs=2, verbose=0, shuffle=False, callbacks=[clock])
    total = time.perf_counter() - began
    return total - 2 * (clock.training + clock.validation), clock.training / steps, clock.validation / steps


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


def _time_frozen_part(config: RunConfig, network: RunNetwork, cut_point: CutPoint) -> float:
    """Measure the seconds per image from pixels to features, with augmentation; the first batch is not counted."""
    bf16 = bf16_for(config)
    frozen_part = network.build_frozen_part((cut_point,), bf16.engine if bf16 else None, few_images=0)
    pixels = np.random.default_rng(0).integers(0, 256, (config.batch_size, *network.model.input_shape[1:]), np.uint8)
    images = [f"{number:064x}" for number in range(len(pixels))]
    for _ in range(2):
        began = time.perf_counter()
        frozen_part(augment_batch(pixels, images, AugmentedCopy(config.augmentation, 0)))
        seconds = time.perf_counter() - began
    return seconds / len(pixels)
