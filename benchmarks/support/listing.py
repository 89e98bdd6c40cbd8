"""Time to list 100 and 10,000 finished runs."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.support.common import Measurement, seconds
from core.backbones.registry import DEFAULT_BASE
from core.experiment.named_strategies import STRATEGIES
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore

FEW, MANY = 100, 10_000
REPEATS = 3


def listing(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Time the first listing without an index, with one, and a second listing by the same store; medians of three."""
    for number, target in ((FEW, "under 50 ms"), (MANY // 10 if quick else MANY, "under 1 s")):
        root = folder / f"listing-{number}"
        write_runs(root, number)
        store = RunStore(root)
        measured = {
            "new store, no index": lambda root=root: _without_index(root),
            "new store, with index": lambda root=root: _timed(RunStore(root)),
            "the same store again": lambda store=store: _timed(store),
        }
        store.runs()
        for name, measure in measured.items():
            row_target = target if number == FEW or "no index" not in name else ""
            yield Measurement(f"Listing {number:,} runs: {name}", seconds(_median(measure)), row_target)
        shutil.rmtree(root)


def write_runs(root: Path, number: int) -> None:
    """Write completed runs with varied configurations, three per study, as the store would have written them."""
    strategies, widths, sizes = tuple(STRATEGIES.values()), DEFAULT_BASE.widths, DEFAULT_BASE.image_sizes
    root.mkdir()
    for i in range(number):
        study, position = divmod(i, len(strategies))
        config = RunConfig(
            strategy=strategies[position],
            seed=study,
            split_seed=study,
            alpha=widths[study % len(widths)],
            image_size=sizes[study % len(sizes)],
        )
        started = 1_750_000_000.0 + 60 * study
        status = RunStatus(
            State.COMPLETED,
            len(config.strategy.phases),
            config.strategy.epochs,
            started=started,
            ended=started + 50,
            beat=49,
            host="benchmark",
            pid=4_000 + i,
            pid_created=started,
            device="A processor",
            precision="float32",
            images_per_second=61.5,
        )
        time_id = time.strftime("%Y%m%d-%H%M%S", time.gmtime(started))
        run = root / f"{time_id}-000-{position + 1:02d}-{config.strategy.name}"
        run.mkdir()
        (run / "config.json").write_text(json.dumps(config.to_json(), indent=1), encoding="utf-8")
        (run / "status.json").write_text(json.dumps(status.to_json()), encoding="utf-8")


def _median(measure: Callable[[], float]) -> float:
    return median(measure() for _ in range(REPEATS))


def _without_index(root: Path) -> float:
    (root / ".index.sqlite").unlink(missing_ok=True)
    return _timed(RunStore(root))


def _timed(store: RunStore) -> float:
    start = time.perf_counter()
    store.runs()
    return time.perf_counter() - start
