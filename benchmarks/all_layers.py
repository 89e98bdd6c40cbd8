"""Whether feeding the model costs anything where all layers train: `python benchmarks/all_layers.py [--data DIR]`.

Epochs as the engine trains them (images decoded and kept, views made, batches prefetched) and as many steps of a bare
`train_on_batch` on one batch of the same model, in turn in one process; steps a second of the two are compared.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.support.common import Figure, add_network, machine, own_room, print_table, seconds
from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.scan import data_folder, find_root, scan
from core.data.datasets.split import split
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.strategy import STRATEGIES
from core.learning.network.model import build_transfer_model
from core.learning.training.batches import Batches, load_data
from core.learning.training.frozen_features import FrozenFeatures
from core.learning.training.loop import compile_phase


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with own_room():
        print_table(_figures(arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", default=SAMPLE, help="folder of class folders; the sample set by default")
    add_network(parser)
    add("--steps", type=int, default=12, help="an epoch has")
    add("--rounds", type=int, default=5)
    return parser.parse_args()


def _figures(arguments: argparse.Namespace) -> Iterator[Figure]:
    config = RunConfig(
        data=arguments.data,
        weights="random",
        image_size=arguments.image_size,
        alpha=arguments.alpha,
        strategy=STRATEGIES["fine-tuning"],
    )
    fed, bare = _both(config, arguments.steps)
    took = [(fed(), bare()) for _ in range(arguments.rounds + 1)][1:]  # the first round traces and decodes
    ratios = [alone / engine for engine, alone in took]
    steps = f"{arguments.steps} steps of {config.batch_size} images"
    yield Figure(f"The engine, {steps}", seconds(median(engine for engine, _ in took)))
    yield Figure(f"`train_on_batch`, {steps}", seconds(median(alone for _, alone in took)))
    yield Figure(
        "The engine's steps a second against those",
        f"{100 * median(ratios):.0f}% ({100 * min(ratios):.0f} to {100 * max(ratios):.0f})",
        "95%",
    )


def _both(config: RunConfig, steps: int) -> tuple[Callable[[], float], Callable[[], float]]:
    """Two ways to train the same network for an epoch; each says how many seconds it took."""
    manifest = split(scan(data_folder(config.data)), config.split_seed)
    model = build_transfer_model(len(manifest.classes), config.image_size, config.alpha, config.weights, config.seed)
    run_cache = RunCache(FeatureCache(), len(manifest.items))
    images = load_data(manifest, find_root(data_folder(config.data)), config.image_size, run_cache).train
    activations = FrozenFeatures(config, model, run_cache)
    above, rows = compile_phase(model, config.strategy.phases[0], activations.cut(1)), activations.training(images, 1)
    count = steps * config.batch_size
    labels = images.labels[np.arange(count) % len(images)]
    batches = Batches(lambda numbers, epoch: rows(numbers % len(images), epoch), labels, config.batch_size, config.seed)
    pixels, some = np.float32(batches[0][0]), batches[0][1]

    def fed() -> float:
        began = time.perf_counter()
        above.fit(batches, epochs=1, shuffle=False, verbose=0)
        return time.perf_counter() - began

    def bare() -> float:
        began = time.perf_counter()
        for _ in range(steps):
            above.train_on_batch(pixels, some)
        return time.perf_counter() - began

    return fed, bare


if __name__ == "__main__":
    main()
