"""How near the estimate before a start comes: `python benchmarks/estimating.py [--data DIR --weights FILE]`.

The pace of the machine is measured as the Train page does it. Then runs of the strategies, one after another through
the launcher, with nothing kept at first: each is estimated just before it starts, and timed from its worker's first
word to its tested end.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Figure, add_data, add_network, machine, own_room, print_table, seconds
from core.analysis.results.duration_estimate import estimate
from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.data.cache.feature_cache import FeatureCache
from core.data.datasets.scan import data_folder, scan
from core.data.datasets.split import Manifest, split
from core.execution.keras_service.client import KerasService
from core.execution.queue.launcher import Launcher
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import STRATEGIES, with_settings
from core.machine.devices import Leases

ORDER = "feature-extraction", "feature-extraction", "two-phase", "fine-tuning"
"""The second takes what the first has kept, the third too for its first phase."""
LONG_SECONDS = 30.0
"""Shorter runs have no target."""


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with own_room() as room:
        print_table(_figures(room, arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add_data(parser)
    add_network(parser)
    add("--phase1-epochs", type=int, default=4)
    add("--phase2-epochs", type=int, default=2)
    return parser.parse_args()


def _figures(room: Path, arguments: argparse.Namespace) -> Iterator[Figure]:
    template = RunConfig(
        data=arguments.data, weights=arguments.weights, image_size=arguments.image_size, alpha=arguments.alpha
    )
    dataset = scan(data_folder(arguments.data))
    strategies = [
        with_settings(STRATEGIES[name], arguments.phase1_epochs, arguments.phase2_epochs, 1e-3, 1e-4, 30)
        for name in ORDER
    ]
    files = [dataset.root / picture.path for picture in dataset.pictures[:16]]
    began, keras_service = time.perf_counter(), KerasService()
    pace = keras_service.measure_timings(template, len(dataset.classes), files, (0, 30, ALL_LAYERS))
    keras_service.close()
    yield Figure("Measuring the pace at three depths", seconds(time.perf_counter() - began))
    store, manifest = RunStore(room / "runs"), split(dataset)
    launcher = Launcher(store, Leases(room / "leases"))
    try:
        for strategy in strategies:
            config = replace(template, strategy=strategy)
            expected = estimate([(config, manifest)], pace, FeatureCache())
            took = _train(launcher, store, config, manifest)
            kept = 100 * expected.kept / max(1, expected.needed)
            yield Figure(
                f"{strategy.title}, {kept:.0f}% kept: about {seconds(expected.seconds)}",
                f"{seconds(took)}, {100 * (expected.seconds / took - 1):+.0f}%",
                "within 25%" if took > LONG_SECONDS else "",
            )
    finally:
        launcher.close()


def _train(launcher: Launcher, store: RunStore, config: RunConfig, manifest: Manifest) -> float:
    """Seconds of a run. Raises `RuntimeError` where it fails."""
    run = store.create(config, manifest.to_csv())
    launcher.submit(run.id)
    while not (now := store.get(run.id)).state.is_finished:
        time.sleep(0.5)
    if now.state is not State.COMPLETED:
        raise RuntimeError(f"{run.id}: {now.state}. {now.status.error and now.status.error.message}")
    return now.status.ended - now.status.started


if __name__ == "__main__":
    main()
