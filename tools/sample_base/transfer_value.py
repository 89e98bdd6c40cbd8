"""The value of the sample base for transfer: `python -m tools.sample_base.transfer_value [--photos DIR]`.

On the sample set and, where they are given, on real photos, at 96 px: training from scratch, from a random base, the
sample base and ImageNet's (a file given by `--imagenet`, at alpha 1.0), over some seeds with a split each. Each result
is written to `--out` at once; what is there already is not measured again, so that a second call without photos can add
seeds on the sample set.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

from benchmarks.support.common import machine, own_room, run_python, write_plan
from core.analysis.statistics.significance import corrected_t_test
from core.backbones.weights import SAMPLE_BASE
from core.data.datasets.scan import data_folder, scan
from core.data.datasets.split import TEST_TO_TRAINING, split
from core.data.study_plan import with_weights
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.strategy import BASELINE, FEATURE_EXTRACTION, FINE_TUNING, TWO_PHASE, Phase, Strategy

SET, PHOTOS = "sample set", "photos"


@dataclass(frozen=True)
class Way:
    """A row of the table: what trains, from which weights."""

    title: str
    strategy: Strategy
    weights: str


SCRATCH = Way("small CNN from scratch", BASELINE, "random")
ALL_OF_RANDOM = Way("all layers of a random base", FINE_TUNING, "random")
RANDOM = Way("frozen random base", FEATURE_EXTRACTION, "random")
FROZEN = Way("frozen sample base", FEATURE_EXTRACTION, SAMPLE_BASE)
LONG_FROZEN = Way("frozen sample base, 45 epochs", Strategy("long-frozen", (Phase(0, 1e-3, 45),)), SAMPLE_BASE)
TWO_PHASES = Way("two-phase from the sample base", TWO_PHASE, SAMPLE_BASE)
LONG_TWO_PHASE = Way(
    "two-phase, then 30 epochs at 3e-4",
    Strategy("long-two-phase", (Phase(0, 1e-3, 15), Phase(30, 3e-4, 30))),
    SAMPLE_BASE,
)
ALL = Way("all layers from the sample base", FINE_TUNING, SAMPLE_BASE)
IMAGENET = Way("frozen ImageNet base, alpha 1.0", FEATURE_EXTRACTION, "imagenet")
WAYS = SCRATCH, ALL_OF_RANDOM, RANDOM, FROZEN, LONG_FROZEN, TWO_PHASES, LONG_TWO_PHASE, ALL, IMAGENET
GAINS = (
    (FROZEN, RANDOM, " (wanted: 25 or more)"),
    (TWO_PHASES, FROZEN, " (wanted: 3 or more)"),
    (FROZEN, SCRATCH, " (wanted: 0 or more)"),
    (FROZEN, ALL_OF_RANDOM, " (wanted: 0 or more)"),
    (LONG_FROZEN, FROZEN, ""),
    (LONG_TWO_PHASE, LONG_FROZEN, ""),
)
"""Which way is held against which, and what is wanted of it on the sample set."""
Found = dict[tuple[str, str], dict[int, float]]
"""Test accuracy by data, title and seed."""


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n", flush=True)
    with own_room() as room:
        for seed in range(arguments.seeds):
            for data in [SET, *([PHOTOS] if arguments.photos else [])]:
                _measure(room / f"{data}-{seed}", data, seed, arguments)
    found = _read(arguments.out)
    print(*_table(found), "", *_targets(found), sep="\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--photos", type=Path, help="folder of class folders")
    add("--imagenet", type=Path, help="a file of ImageNet weights at alpha 1.0, the yardstick on photos")
    add("--base", type=Path, help="another file in place of the sample base")
    add("--seeds", type=int, default=3)
    add("--only", nargs="+", metavar="TITLE", help="some of: " + "; ".join(way.title for way in WAYS))
    add("--out", type=Path, default=Path("sample-world.jsonl"))
    return parser.parse_args()


def _measure(room: Path, data: str, seed: int, arguments: argparse.Namespace) -> None:
    """What is not there yet for one data set and seed."""
    found = _read(arguments.out)
    wanted = [
        way
        for way in WAYS
        if (not arguments.only or way.title in arguments.only)
        and seed not in found.get((data, way.title), {})
        and (way.weights != "imagenet" or (arguments.imagenet and data == PHOTOS))
    ]
    if not wanted:
        return
    folder = SAMPLE if data == SET else str(arguments.photos.resolve())
    manifest = split(scan(data_folder(folder)), seed).to_csv()
    for way in wanted:
        run = write_plan(room / way.title, _config(way, folder, seed, arguments), manifest)
        answer = run_python("-m", "benchmarks.support.engine_run", str(run))
        row = {
            "data": data,
            "title": way.title,
            "seed": seed,
            "accuracy": answer["test_accuracy"],
            "seconds": round(answer["rows"][-1]["seconds"], 1),
        }
        with arguments.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)


def _config(way: Way, folder: str, seed: int, arguments: argparse.Namespace) -> RunConfig:
    config = with_weights(RunConfig(data=folder, strategy=way.strategy, seed=seed, split_seed=seed), SAMPLE_BASE)
    if way.weights == "imagenet":
        return replace(config, weights=str(arguments.imagenet.resolve()), alpha=1.0)
    if way.weights == SAMPLE_BASE and arguments.base:
        return replace(config, weights=str(arguments.base.resolve()))
    return replace(config, weights=way.weights)


def _read(path: Path) -> Found:
    found: Found = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        row = json.loads(line)
        found.setdefault((row["data"], row["title"]), {})[row["seed"]] = row["accuracy"]
    return found


def _table(found: Found) -> Iterator[str]:
    yield f"| test accuracy: mean and spread over seeds | {SET} | {PHOTOS} |"
    yield "|---|---|---|"
    for way in WAYS:
        yield f"| {way.title} | {' | '.join(_cell(found.get((data, way.title), {})) for data in (SET, PHOTOS))} |"


def _cell(by_seed: dict[int, float]) -> str:
    values = [100 * value for value in by_seed.values()]
    if len(values) < 2:
        return f"{values[0]:.1f}% (one seed)" if values else "–"
    return f"{mean(values):.1f} ± {stdev(values):.1f}% ({len(values)} seeds)"


def _targets(found: Found) -> Iterator[str]:
    for better, worse, wanted in GAINS:
        yield from _gain(SET, better.title, worse.title, found, wanted)
        yield from _gain(PHOTOS, better.title, worse.title, found)
    held = [found.get((PHOTOS, way.title)) for way in (RANDOM, FROZEN, IMAGENET)]
    if all(held):
        low, base, high = (mean(by_seed.values()) for by_seed in held)
        yield f"{PHOTOS}: the sample base closes {(base - low) / (high - low):.0%} of the gap (at least 60%)"


def _gain(data: str, better: str, worse: str, found: Found, wanted: str = "") -> Iterator[str]:
    """By how much one way is over another on the seeds that both have, with the interval of overlapping splits."""
    first, second = (found.get((data, title), {}) for title in (better, worse))
    gains = [100 * (first[seed] - second[seed]) for seed in first.keys() & second.keys()]
    if len(gains) > 1:
        over = corrected_t_test(gains, TEST_TO_TRAINING)
        yield (
            f"{data}: {better} over {worse}: {over.mean:+.1f} points, 95% interval {over.interval[0]:+.1f} to "
            f"{over.interval[1]:+.1f}, {len(gains)} seeds{wanted}"
        )


if __name__ == "__main__":
    main()
