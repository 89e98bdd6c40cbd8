"""Accuracy of the Train page's time estimate: `python benchmarks/estimating.py [--data DIR --weights FILE]`.

Measures the timings of the machine as the Train page does. Then trains runs of the strategies one after another through
the launcher, starting with an empty feature cache. Each run's duration is estimated just before its start and measured
from its worker's first status to the end of its evaluation.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, add_data, add_network, machine, print_table, seconds, temporary_home
from core.analysis.results.duration_estimate import estimate_duration
from core.backbones.registry import DEFAULT_BASE
from core.data.cache.feature_cache import FeatureCache
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest, split
from core.execution.keras_service.client import KerasService
from core.execution.queue.launcher import Launcher
from core.experiment.named_strategies import STRATEGY_CHOICES, SharedSettings
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore
from core.machine.devices import DeviceLocks

ORDER = "feature-extraction", "feature-extraction", "two-phase", "fine-tuning"
"""The second run uses the features cached by the first, and so does the third in its first phase."""
MIN_SECONDS = 30.0
"""Shorter runs have no target."""


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        print_table(_measure(folder, arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add_data(parser)
    add_network(parser)
    add("--phase1-epochs", type=int, default=4, help="epochs with the base frozen")
    add("--phase2-epochs", type=int, default=2, help="epochs with unfrozen layers")
    return parser.parse_args()


def _measure(folder: Path, arguments: argparse.Namespace) -> Iterator[Measurement]:
    template = RunConfig(
        data=arguments.data, weights=arguments.weights, image_size=arguments.image_size, alpha=arguments.alpha
    )
    dataset = scan(data_folder(arguments.data))
    settings = SharedSettings(arguments.phase1_epochs, arguments.phase2_epochs)
    strategies = [strategy for name in ORDER for strategy in STRATEGY_CHOICES[name](settings)]
    files = [dataset.root / image.path for image in dataset.images[:16]]
    start, keras_service = time.perf_counter(), KerasService()
    timings = keras_service.measure_timings(template, len(dataset.classes), files, (0, 30, DEFAULT_BASE.layers))
    keras_service.close()
    yield Measurement("Measuring the timings of three depths", seconds(time.perf_counter() - start))
    store, manifest = RunStore(folder / "runs"), split(dataset)
    launcher = Launcher(store, DeviceLocks(folder / "locks"))
    try:
        for strategy in strategies:
            config = replace(template, strategy=strategy)
            expected = estimate_duration([(config, manifest)], timings, FeatureCache())
            duration = _train(launcher, store, config, manifest)
            cached = 100 * expected.cached / max(1, expected.needed)
            yield Measurement(
                f"{strategy.title}, {cached:.0f}% cached: estimate {seconds(expected.seconds)}",
                f"{seconds(duration)}, {100 * (expected.seconds / duration - 1):+.0f}%",
                "within 25%" if duration > MIN_SECONDS else "",
            )
    finally:
        launcher.close()


def _train(launcher: Launcher, store: RunStore, config: RunConfig, manifest: Manifest) -> float:
    """Train a run and return its duration in seconds. Raises `RuntimeError` if it fails."""
    run = store.create(config, manifest.to_csv())
    launcher.submit(run.id)
    while not (current := store.get(run.id)).state.is_finished:
        time.sleep(0.5)
    if current.state is not State.COMPLETED:
        raise RuntimeError(f"{run.id}: {current.state}. {current.status.error and current.status.error.message}")
    return current.status.ended - current.status.started


if __name__ == "__main__":
    main()
