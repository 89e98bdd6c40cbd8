"""How long the store takes to list 100 and 10,000 finished runs."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.support.common import Figure, seconds
from core.backbones.mobilenet_v2 import ALPHAS, IMAGE_SIZES
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import STRATEGIES

FEW, MANY = 100, 10_000
REPEATS = 3


def listing(room: Path, quick: bool) -> Iterator[Figure]:
    """Without the index, with it, and asked again by the same store; medians of three."""
    for number, target in ((FEW, "under 50 ms"), (MANY // 10 if quick else MANY, "under 1 s")):
        root = room / f"listing-{number}"
        write_runs(root, number)
        store = RunStore(root)
        measured = {
            "fresh store, no index yet": lambda root=root: _without_index(root),
            "fresh store, index there": lambda root=root: _timed(RunStore(root)),
            "the same store again": lambda store=store: _timed(store),
        }
        store.runs()
        for how, measure in measured.items():
            aimed = target if number == FEW or "no index" not in how else ""
            yield Figure(f"Listing {number:,} runs: {how}", seconds(_median(measure)), aimed)
        shutil.rmtree(root)


def write_runs(root: Path, number: int) -> None:
    """Completed runs of varied configurations, three a study, as the store would have left them."""
    strategies = tuple(STRATEGIES.values())
    root.mkdir()
    for i in range(number):
        study, place = divmod(i, len(strategies))
        config = RunConfig(
            strategy=strategies[place],
            seed=study,
            split_seed=study,
            alpha=ALPHAS[study % len(ALPHAS)],
            image_size=IMAGE_SIZES[study % len(IMAGE_SIZES)],
        )
        began = 1_750_000_000.0 + 60 * study
        status = RunStatus(
            State.COMPLETED,
            len(config.strategy.phases),
            config.strategy.epochs,
            started=began,
            ended=began + 50,
            beat=49,
            host="benchmark",
            pid=4_000 + i,
            pid_created=began,
            device="A processor",
            precision="float32",
            images_per_second=61.5,
        )
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(began))
        folder = root / f"{moment}-000-{place + 1:02d}-{config.strategy.name}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config.to_json(), indent=1), encoding="utf-8")
        (folder / "status.json").write_text(json.dumps(status.to_json()), encoding="utf-8")


def _median(measure: Callable[[], float]) -> float:
    return median(measure() for _ in range(REPEATS))


def _without_index(root: Path) -> float:
    (root / ".index.sqlite").unlink(missing_ok=True)
    return _timed(RunStore(root))


def _timed(store: RunStore) -> float:
    began = time.perf_counter()
    store.runs()
    return time.perf_counter() - began
