"""Overhead of the input pipeline when all layers train: `python benchmarks/all_layers.py [--data DIR]`.

Compares epochs as the engine trains them (cached decoded images, augmentation, prefetched batches) with the same number
of bare `train_on_batch` steps on one batch of the same model, in turn in one process, in steps per second.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.support.common import Measurement, add_network, machine, print_table, seconds, temporary_home
from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.folder_layout import data_folder, find_root
from core.data.datasets.scan import scan
from core.data.datasets.split import split
from core.experiment.named_strategies import STRATEGIES
from core.experiment.run_config import SAMPLE, RunConfig
from core.learning.inputs.batches import Batches
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.training_data import load_data
from core.learning.network.model import build_transfer_model
from core.learning.network.run_network import RunNetwork
from core.learning.training.keras_phase import compile_phase


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with temporary_home():
        print_table(_measure(arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", default=SAMPLE, help="folder with one subfolder per class; default: the sample set")
    add_network(parser)
    add("--steps", type=int, default=12, help="training steps per epoch")
    add("--rounds", type=int, default=5, help="number of repetitions")
    return parser.parse_args()


def _measure(arguments: argparse.Namespace) -> Iterator[Measurement]:
    config = RunConfig(
        data=arguments.data,
        weights="random",
        image_size=arguments.image_size,
        alpha=arguments.alpha,
        strategy=STRATEGIES["fine-tuning"],
    )
    train_epoch, train_bare = _training_functions(config, arguments.steps)
    # the first round includes tracing and decoding and is not counted
    times = [(train_epoch(), train_bare()) for _ in range(arguments.rounds + 1)][1:]
    ratios = [bare / engine for engine, bare in times]
    steps = f"{arguments.steps} steps of {config.batch_size} images"
    yield Measurement(f"The engine, {steps}", seconds(median(engine for engine, _ in times)))
    yield Measurement(f"`train_on_batch`, {steps}", seconds(median(bare for _, bare in times)))
    yield Measurement(
        "Steps per second of the engine, relative to those",
        f"{100 * median(ratios):.0f}% ({100 * min(ratios):.0f} to {100 * max(ratios):.0f})",
        "95%",
    )


def _training_functions(config: RunConfig, steps: int) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return two functions that train the same network for one epoch and return the seconds: engine, bare steps."""
    manifest = split(scan(data_folder(config.data)), config.split_seed)
    model = build_transfer_model(len(manifest.classes), config.image_size, config.alpha, config.weights, config.seed)
    run_cache = RunCache(FeatureCache(), len(manifest.items))
    images = load_data(manifest, find_root(data_folder(config.data)), config.image_size, run_cache).train
    frozen_features = FrozenFeatures(config, RunNetwork(config, len(manifest.classes), model), run_cache)
    trained = compile_phase(model, config.strategy.phases[0], frozen_features.cut_point(1))
    inputs = frozen_features.training_inputs(images, 1)
    count = steps * config.batch_size
    labels = images.labels[np.arange(count) % len(images)]
    batches = Batches.of(
        lambda numbers, epoch: inputs(numbers % len(images), epoch), labels, config.batch_size, config.seed
    )
    pixels, batch_labels = np.float32(batches[0][0]), batches[0][1]

    def train_epoch() -> float:
        start = time.perf_counter()
        trained.fit(batches, epochs=1, shuffle=False, verbose=0)
        return time.perf_counter() - start

    def train_bare() -> float:
        start = time.perf_counter()
        for _ in range(steps):
            trained.train_on_batch(pixels, batch_labels)
        return time.perf_counter() - start

    return train_epoch, train_bare


if __name__ == "__main__":
    main()
