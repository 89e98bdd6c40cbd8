"""Time and memory for a large data set: `python benchmarks/scale.py [--images 20000]`.

Draws this number of images in ten classes (only once if `--folder` is given), scans and splits them, and trains feature
extraction on them with an empty feature cache; each step in a separate process.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import (
    Measurement,
    add_network,
    machine,
    print_table,
    run_python,
    seconds,
    temporary_home,
)
from core.data.cache.feature_cache import FeatureCache
from core.data.sample_set.generate import write_sample
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy

SCAN = """import json, resource, sys
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.scan import scan
from core.data.datasets.split import split
manifest = split(scan(data_folder(sys.argv[1])))
open(sys.argv[2], "w", encoding="utf-8").write(manifest.to_csv())
print(json.dumps({"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))"""


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        print_table(_measure(folder, arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--images", type=int, default=20_000, help="number of images to draw")
    add("--folder", type=Path, help="folder for the drawn images, reused by later calls")
    add_network(parser)
    add("--epochs", type=int, default=2, help="epochs of training")
    add("--views", type=int, default=1, help="augmented copies per training image")
    return parser.parse_args()


def _measure(folder: Path, arguments: argparse.Namespace) -> Iterator[Measurement]:
    start = time.perf_counter()
    data = write_sample(arguments.folder or folder / "images", arguments.images // 10, arguments.image_size)
    yield Measurement(f"Drawing {arguments.images:,} images", seconds(time.perf_counter() - start))
    run = folder / "run"
    run.mkdir()
    result, duration = _timed("-c", SCAN, str(data), str(run / "manifest.csv"))
    yield Measurement("Scanning and splitting them", f"{seconds(duration)}, {result['memory'] / 1e9:.2f} GB", "3 GB")
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
    result, duration = _timed("-m", "benchmarks.support.engine_run", str(run))
    yield Measurement(
        f"Training on them for {arguments.epochs} epochs, with evaluation",
        f"{seconds(duration)}, {result['memory'] / 1e9:.2f} GB",
        "3 GB",
    )
    ends = [0.0, *(row["seconds"] for row in result["rows"])]
    for number, (begin, end) in enumerate(pairwise(ends), start=1):
        yield Measurement(f"  epoch {number}", seconds(end - begin))
    yield Measurement("Feature cache on disk", f"{sum(entry.bytes for entry in FeatureCache().entries()) / 1e9:.2f} GB")


def _timed(*command: str) -> tuple[dict, float]:
    """Run a Python process; return the JSON value it printed and its duration in seconds."""
    start = time.perf_counter()
    return run_python(*command), time.perf_counter() - start


if __name__ == "__main__":
    main()
