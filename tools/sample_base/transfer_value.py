"""Measures the value of the sample base for transfer: `python -m tools.sample_base.transfer_value [--photos DIR]`.

Compares training from scratch, from a random base, from the sample base and from ImageNet weights (`--imagenet`, alpha
1.0) on the sample set and on real photos (`--photos`), at 96 px, over several seeds with a separate split each. Each
result is appended to `--out` immediately. Results in that file are not measured again: a second call without photos can
add seeds on the sample set.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

from benchmarks.support.common import machine, run_python, temporary_home, write_plan
from core.backbones.weights import SAMPLE_BASE
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.scan import scan
from core.data.datasets.split import TEST_TO_TRAINING, split
from core.data.study_plan import with_weights
from core.experiment.named_strategies import BASELINE, FEATURE_EXTRACTION, FINE_TUNING, TWO_PHASE
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.strategy import Phase, Strategy
from tools.sample_base.corrected_t_test import corrected_t_interval

SET, PHOTOS = "sample set", "photos"


@dataclass(frozen=True)
class Method:
    """A row of the table: a strategy and the weights it starts from."""

    title: str
    strategy: Strategy
    weights: str


SCRATCH = Method("small CNN from scratch", BASELINE, "random")
ALL_OF_RANDOM = Method("all layers of a random base", FINE_TUNING, "random")
RANDOM = Method("frozen random base", FEATURE_EXTRACTION, "random")
FROZEN = Method("frozen sample base", FEATURE_EXTRACTION, SAMPLE_BASE)
LONG_FROZEN = Method("frozen sample base, 45 epochs", Strategy("long-frozen", (Phase(0, 1e-3, 45),)), SAMPLE_BASE)
TWO_PHASES = Method("two-phase from the sample base", TWO_PHASE, SAMPLE_BASE)
LONG_TWO_PHASE = Method(
    "two-phase, then 30 epochs at 3e-4",
    Strategy("long-two-phase", (Phase(0, 1e-3, 15), Phase(30, 3e-4, 30))),
    SAMPLE_BASE,
)
ALL = Method("all layers from the sample base", FINE_TUNING, SAMPLE_BASE)
IMAGENET = Method("frozen ImageNet base, alpha 1.0", FEATURE_EXTRACTION, "imagenet")
METHODS = SCRATCH, ALL_OF_RANDOM, RANDOM, FROZEN, LONG_FROZEN, TWO_PHASES, LONG_TWO_PHASE, ALL, IMAGENET
COMPARISONS = (
    (FROZEN, RANDOM, " (target: 25 or more)"),
    (TWO_PHASES, FROZEN, " (target: 3 or more)"),
    (FROZEN, SCRATCH, " (target: 0 or more)"),
    (FROZEN, ALL_OF_RANDOM, " (target: 0 or more)"),
    (LONG_FROZEN, FROZEN, ""),
    (LONG_TWO_PHASE, LONG_FROZEN, ""),
)
"""Pairs of methods to compare (first minus second), and the target on the sample set."""
Accuracies = dict[tuple[str, str], dict[int, float]]
"""Test accuracy by (data set, title) and seed."""


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n", flush=True)
    with temporary_home() as folder:
        for seed in range(arguments.seeds):
            for data in [SET, *([PHOTOS] if arguments.photos else [])]:
                _measure(folder / f"{data}-{seed}", data, seed, arguments)
    accuracies = _read(arguments.out)
    print(*_table(accuracies), "", *_gains(accuracies), sep="\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--photos", type=Path, help="folder of class folders")
    add("--imagenet", type=Path, help="a file of ImageNet weights at alpha 1.0, for comparison on photos")
    add("--base", type=Path, help="weights file to use instead of the sample base")
    add("--seeds", type=int, default=3)
    add("--only", nargs="+", metavar="TITLE", help="methods to measure, of: " + "; ".join(m.title for m in METHODS))
    add("--out", type=Path, default=Path("sample-world.jsonl"))
    return parser.parse_args()


def _measure(folder: Path, data: str, seed: int, arguments: argparse.Namespace) -> None:
    """Train the methods that have no result for this data set and seed, and append their results to the file."""
    methods = _missing_methods(data, seed, arguments)
    if not methods:
        return
    images = SAMPLE if data == SET else str(arguments.photos.resolve())
    manifest = split(scan(data_folder(images)), seed).to_csv()
    for method in methods:
        run = write_plan(folder / method.title, _config(method, images, seed, arguments), manifest)
        result = run_python("-m", "benchmarks.support.engine_run", str(run))
        row = {
            "data": data,
            "title": method.title,
            "seed": seed,
            "accuracy": result["test_accuracy"],
            "seconds": round(result["rows"][-1]["seconds"], 1),
        }
        with arguments.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)


def _missing_methods(data: str, seed: int, arguments: argparse.Namespace) -> list[Method]:
    accuracies = _read(arguments.out)
    return [
        method
        for method in METHODS
        if (not arguments.only or method.title in arguments.only)
        and seed not in accuracies.get((data, method.title), {})
        and (method.weights != "imagenet" or (arguments.imagenet and data == PHOTOS))
    ]


def _config(method: Method, images: str, seed: int, arguments: argparse.Namespace) -> RunConfig:
    config = with_weights(RunConfig(data=images, strategy=method.strategy, seed=seed, split_seed=seed), SAMPLE_BASE)
    if method.weights == "imagenet":
        return replace(config, weights=str(arguments.imagenet.resolve()), alpha=1.0)
    if method.weights == SAMPLE_BASE and arguments.base:
        return replace(config, weights=str(arguments.base.resolve()))
    return replace(config, weights=method.weights)


def _read(path: Path) -> Accuracies:
    accuracies: Accuracies = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        row = json.loads(line)
        accuracies.setdefault((row["data"], row["title"]), {})[row["seed"]] = row["accuracy"]
    return accuracies


def _table(accuracies: Accuracies) -> Iterator[str]:
    yield f"| test accuracy: mean ± standard deviation over seeds | {SET} | {PHOTOS} |"
    yield "|---|---|---|"
    for method in METHODS:
        cells = [_cell(accuracies.get((data, method.title), {})) for data in (SET, PHOTOS)]
        yield f"| {method.title} | {' | '.join(cells)} |"


def _cell(by_seed: dict[int, float]) -> str:
    values = [100 * value for value in by_seed.values()]
    if len(values) < 2:
        return f"{values[0]:.1f}% (one seed)" if values else "–"
    return f"{mean(values):.1f} ± {stdev(values):.1f}% ({len(values)} seeds)"


def _gains(accuracies: Accuracies) -> Iterator[str]:
    for first, second, target in COMPARISONS:
        yield from _gain(SET, first.title, second.title, accuracies, target)
        yield from _gain(PHOTOS, first.title, second.title, accuracies)
    measured = [accuracies.get((PHOTOS, method.title), {}) for method in (RANDOM, FROZEN, IMAGENET)]
    if all(measured):
        low, base, high = (mean(by_seed.values()) for by_seed in measured)
        yield f"{PHOTOS}: the sample base closes {(base - low) / (high - low):.0%} of the gap (target: 60% or more)"


def _gain(data: str, first: str, second: str, accuracies: Accuracies, target: str = "") -> Iterator[str]:
    """Describe the mean difference between two methods on their common seeds (corrected resampled t-test)."""
    first_by_seed, second_by_seed = (accuracies.get((data, title), {}) for title in (first, second))
    gains = [
        100 * (first_by_seed[seed] - second_by_seed[seed]) for seed in first_by_seed.keys() & second_by_seed.keys()
    ]
    if len(gains) > 1:
        low, high = corrected_t_interval(gains, TEST_TO_TRAINING)
        yield (
            f"{data}: {first} over {second}: {mean(gains):+.1f} points, 95% interval {low:+.1f} to "
            f"{high:+.1f}, {len(gains)} seeds{target}"
        )


if __name__ == "__main__":
    main()
