"""What a large data set takes: `python benchmarks/scale.py [--images 20000]`.

Draws so many pictures in ten classes (once, where `--folder` names a place to keep them), looks through them, divides
them, and trains feature extraction on them for some epochs with nothing kept; each in a process of its own.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Figure, add_network, machine, own_room, print_table, run_python, seconds
from core.data.cache.feature_cache import FeatureCache
from core.data.sample_set.generate import write_sample
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy

SCAN = """import json, resource, sys, core
manifest = core.split(core.scan(core.data_folder(sys.argv[1])))
open(sys.argv[2], "w", encoding="utf-8").write(manifest.to_csv())
print(json.dumps({"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))"""


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with own_room() as room:
        print_table(_figures(room, arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--images", type=int, default=20_000)
    add("--folder", type=Path, help="where the pictures are kept from one call to the next")
    add_network(parser)
    add("--epochs", type=int, default=2)
    add("--views", type=int, default=1)
    return parser.parse_args()


def _figures(room: Path, arguments: argparse.Namespace) -> Iterator[Figure]:
    began = time.perf_counter()
    data = write_sample(arguments.folder or room / "pictures", arguments.images // 10, arguments.image_size)
    yield Figure(f"Drawing {arguments.images:,} pictures", seconds(time.perf_counter() - began))
    run = room / "run"
    run.mkdir()
    found, took = _timed("-c", SCAN, str(data), str(run / "manifest.csv"))
    yield Figure("Looking through and dividing them", f"{seconds(took)}, {found['memory'] / 1e9:.2f} GB", "3 GB")
    strategy = Strategy("feature-extraction", (Phase(0, 1e-3, arguments.epochs),))
    config = RunConfig(
        data=str(data),
        weights="random",
        strategy=strategy,
        image_size=arguments.image_size,
        alpha=arguments.alpha,
        views=arguments.views,
    )
    (run / "config.json").write_text(json.dumps(config.to_json()), encoding="utf-8")
    found, took = _timed("-m", "benchmarks.support.engine_run", str(run))
    yield Figure(
        f"Training on them for {arguments.epochs} epochs, tested",
        f"{seconds(took)}, {found['memory'] / 1e9:.2f} GB",
        "3 GB",
    )
    ends = [0.0, *(row["seconds"] for row in found["rows"])]
    for number, (start, end) in enumerate(pairwise(ends), start=1):
        yield Figure(f"  epoch {number}", seconds(end - start))
    yield Figure("Kept on disk", f"{sum(kept.bytes for kept in FeatureCache().entries()) / 1e9:.2f} GB")


def _timed(*command: str) -> tuple[dict, float]:
    """What a Python process said, and its seconds."""
    began = time.perf_counter()
    return run_python(*command), time.perf_counter() - began


if __name__ == "__main__":
    main()
