"""Brightness on cached features in place of augmented copies: `python benchmarks/feature_augmentation.py --weights FILE
--data DIR [DIR ...]`.

Compares one or two copies of each training image, with random brightness on their pooled features at each step
(FroFA: Bär et al. 2024, arXiv 2403.10519), with the four augmented copies that are the default: accuracy over seeds,
and time of the frozen part and the head. Each seed has another split, unless the data set has its own. The strength of
the brightness is the best by validation accuracy over the seeds. Results are appended to `--out` at once and not
measured again, and features are cached in `--cache`, so the benchmark can be stopped and continued.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from scipy.special import stdtrit

from benchmarks.support.common import Measurement, add_network, machine, print_table
from benchmarks.support.feature_brightness import (
    BATCH_SIZE,
    LEARNING_RATE,
    NONE,
    PER_CHANNEL,
    PER_IMAGE,
    Part,
    Setting,
    train_head,
)
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.scan import scan
from core.data.datasets.split import split
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.run_inputs import open_inputs
from core.learning.inputs.training_data import Images, InputLoader
from core.learning.training.head_phase import load_in_batches

STRENGTHS = 0.03, 0.1, 0.3, 1.0
DEFAULT = Setting(4)
PLAIN = Setting(1), Setting(2), DEFAULT
BRIGHT = tuple(Setting(copies, kind, v) for copies in (1, 2) for kind in (PER_IMAGE, PER_CHANNEL) for v in STRENGTHS)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Features:
    """The pooled features of one split of a data set.

    Args:
        unchanged, augmented: the training images as they are, and their four augmented copies.
        frozen_seconds: time of the frozen part for one image, without decoding and augmentation.
    """

    unchanged: Part
    augmented: Part
    validation: Part
    test: Part
    frozen_seconds: float


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    os.environ["TRANSFER_LAB_HOME"] = str(arguments.cache.resolve())
    rows = _read(arguments.out)
    for data in arguments.data:
        for seed in range(arguments.seeds):
            _measure(data, seed, arguments, rows)
    print_table(row for data in arguments.data for row in _report(Path(data).name, rows))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", nargs="+", required=True, help="folders with one subfolder per class")
    add("--weights", required=True, help="weights file for this alpha")
    add_network(parser)
    add("--seeds", type=int, default=3)
    add("--epochs", type=int, default=15, help="epochs of the head")
    add("--cache", type=Path, default=Path("feature-augmentation"), help="folder of the features")
    add("--out", type=Path, default=Path("feature-augmentation.jsonl"), help="file of measurements")
    return parser.parse_args()


def _read(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def _measure(data: str, seed: int, arguments: argparse.Namespace, rows: Rows) -> None:
    """Train the missing settings of this seed; append their results to `rows` and to the file."""
    name = Path(data).name
    done = {(row["data"], row["seed"], row["copies"], row["brightness"], row["strength"]) for row in rows}
    missing = [s for s in PLAIN + BRIGHT if (name, seed, s.copies, s.brightness, s.strength) not in done]
    if not missing:
        return
    features = _features(data, seed, arguments)
    print(f"  {name}, seed {seed}: features are there", flush=True)
    for setting in missing:
        part = features.unchanged if setting.copies == 1 else features.augmented
        train = Part(part.copies[: setting.copies], part.labels)
        result = train_head(setting, train, features.validation, features.test, seed, arguments.epochs)
        frozen_seconds = features.frozen_seconds * setting.copies * len(train.labels)
        row = {"data": name, "seed": seed, **asdict(setting), **result, "frozen_seconds": frozen_seconds}
        rows.append(row)
        with arguments.out.open("a") as file:
            file.write(json.dumps(row) + "\n")


def _features(data: str, seed: int, arguments: argparse.Namespace) -> Features:
    """Read the features from the cache, after computing those that are missing."""
    manifest = split(scan(data_folder(data)), seed)
    config = RunConfig(
        data=str(Path(data).resolve()),
        strategy=Strategy("measured", (Phase(0, LEARNING_RATE, arguments.epochs),)),
        image_size=arguments.image_size,
        alpha=arguments.alpha,
        weights=str(Path(arguments.weights).resolve()),
    )

    def read() -> Features:
        network, images, run_cache = open_inputs(config, manifest)
        loaded = FrozenFeatures(config, network, run_cache)
        unchanged = _part(loaded.validation_inputs(images.train, 1), images.train)
        augmented = _part(loaded.training_inputs(images.train, 1), images.train, DEFAULT.copies)
        frozen_seconds = run_cache.saved_seconds / (1 + DEFAULT.copies) / len(images.train)
        validation, test = (_part(loaded.validation_inputs(part, 1), part) for part in (images.validation, images.test))
        return Features(unchanged, augmented, validation, test, frozen_seconds)

    read()  # what the first reading computes, the second finds in the cache, with the seconds that it took
    return read()


def _part(inputs: InputLoader, images: Images, copies: int = 1) -> Part:
    tables = [load_in_batches(len(images), lambda n, _, c=copy: inputs(n, c), BATCH_SIZE) for copy in range(copies)]
    return Part([table.astype(np.float32) for table in tables], images.labels)


def _report(name: str, rows: Rows) -> Iterator[Measurement]:
    """Compare the settings of one data set, each brightness at its best strength by validation."""
    default = _of(DEFAULT, name, rows)
    kinds = dict.fromkeys((setting.copies, setting.brightness) for setting in PLAIN + BRIGHT)
    for copies, brightness in kinds:
        settings = [s for s in PLAIN + BRIGHT if (s.copies, s.brightness) == (copies, brightness)]
        best = max(settings, key=lambda s: mean(row["validation"] for row in _of(s, name, rows)))
        found = _of(best, name, rows)
        label = "" if brightness == NONE else f", brightness {brightness}, strength {best.strength:g}"
        differences = [100 * (row["test"] - base["test"]) for row, base in zip(found, default, strict=True)]
        times = (mean(row[part] for row in found) for part in ("frozen_seconds", "head_seconds"))
        yield Measurement(
            f"{name}: {copies} {'copy' if copies == 1 else 'copies'}{label}",
            f"validation {_spread(found, 'validation')}, test {_spread(found, 'test')}, "
            f"test minus {DEFAULT.copies} copies {_interval(differences)}, "
            "frozen part {:.1f} s, head {:.1f} s".format(*times),
        )


def _of(setting: Setting, name: str, rows: Rows) -> Rows:
    """The rows of a setting and a data set, by seed."""
    found = [row for row in rows if row["data"] == name and all(row[k] == v for k, v in asdict(setting).items())]
    return sorted(found, key=lambda row: row["seed"])


def _interval(points: list[float]) -> str:
    """The mean of differences in points, with a 95% interval over the seeds."""
    if len(points) < 2 or not any(points):
        return f"{mean(points):+.1f}"
    margin = float(stdtrit(len(points) - 1, 0.975)) * stdev(points) / len(points) ** 0.5
    return f"{mean(points):+.1f} ({mean(points) - margin:+.1f} to {mean(points) + margin:+.1f})"


def _spread(rows: Rows, key: str) -> str:
    values = [100 * row[key] for row in rows]
    return f"{mean(values):.1f}% ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
