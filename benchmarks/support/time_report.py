"""The result table of `time_to_accuracy.py`, computed from its file of measurements."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

from scipy.special import stdtrit

from benchmarks.support.common import Measurement, seconds

TUTORIAL, CACHED, COLD, WARM = "tutorial", "tutorial, images cached", "engine, nothing kept", "engine, all kept"
VARIANTS: Final = (TUTORIAL, CACHED, COLD, WARM)
"""What is compared by default. `COLD` starts with an empty feature cache, `WARM` with all features cached.

The names of the variants are stored in the files of measurements.
"""

SETTINGS: Final = {
    "engine, 1 view": {"views": 1},
    "engine, 2 views": {"views": 2},
    "engine, 8 views": {"views": 8},
    "engine, fresh views": {"views": 0},
    "engine, rows in 32 bits": {"kept_precision": "float32"},
}
"""Variants of `COLD` with other settings than the default (4 augmented copies per image, features in 16 bits)."""

TARGETS: Final = {
    "Feature extraction": {COLD: "10x", WARM: "100x"},
    "Two-phase": {COLD: "7x", WARM: "10x"},
    "All layers": {COLD: "1.3x"},
}

Result = Mapping[str, Any]
"""`rows` (seconds and validation accuracy per epoch), `test_accuracy`, `memory` in bytes, `kept` bytes in the cache."""

Results = dict[tuple[str, int], Result]
"""Results by variant and seed."""

Pairs = Sequence[tuple[Result, Result]]
"""Results of the tutorial and of another variant, one pair per seed that has both."""


def read(path: Path) -> Results:
    """Read a file of measurements; return an empty dict if it does not exist."""
    if not path.is_file():
        return {}
    return {(row["variant"], row["seed"]): row for row in map(json.loads, path.read_text().splitlines())}


def report(results: Results, phase1_epochs: int | None) -> Iterator[Measurement]:
    """Compare all variants with the tutorial, seed by seed. `phase1_epochs` is None if all layers were trained."""
    variants = {variant: pairs for variant in (*VARIANTS, *SETTINGS) if (pairs := _with_tutorial(results, variant))}
    parts = [("Feature extraction", phase1_epochs), ("Two-phase", None)] if phase1_epochs else [("All layers", None)]
    for name, epochs in parts:
        for variant, pairs in variants.items():
            yield Measurement(f"{name}: {variant}", _ratio(pairs, epochs), TARGETS[name].get(variant, ""))
    for variant, pairs in variants.items():
        best = [100 * _best(result) for _, result in pairs]
        test = [100 * result["test_accuracy"] for _, result in pairs]
        yield Measurement(f"Validation / test accuracy: {variant}", f"{_spread(best)} / {_spread(test)}")
    for variant, pairs in variants.items():
        if variant != TUTORIAL:
            yield Measurement(f"Validation accuracy minus the tutorial's: {variant}", _difference(pairs), "-1 or more")
    for variant, pairs in variants.items():
        yield Measurement(f"Time to 98% of the tutorial's best: {variant}", _time_to_tutorial(pairs))
    for variant, pairs in variants.items():
        yield Measurement(f"Peak memory: {variant}", f"{max(result['memory'] for _, result in pairs) / 1e9:.1f} GB")
    for variant, pairs in variants.items():
        if variant not in (TUTORIAL, CACHED):
            yield Measurement(f"Feature cache: {variant}", f"{max(result['kept'] for _, result in pairs) / 1e6:.0f} MB")


def _with_tutorial(results: Results, variant: str) -> Pairs:
    seeds = sorted(seed for name, seed in results if name == variant and (TUTORIAL, seed) in results)
    return [(results[TUTORIAL, seed], results[variant, seed]) for seed in seeds]


def _ratio(pairs: Pairs, epochs: int | None) -> str:
    """Mean seconds until the end of epoch `epochs` (None: the last), and the speed-up over the tutorial."""
    times = [[result["rows"][(epochs or 0) - 1]["seconds"] for result in pair] for pair in pairs]
    ratios = [tutorial / variant for tutorial, variant in times]
    mean_time = seconds(mean(variant for _, variant in times))
    return f"{mean_time}, {mean(ratios):.1f}x ({min(ratios):.1f} to {max(ratios):.1f})"


def _best(result: Result) -> float:
    return max(row["val_accuracy"] for row in result["rows"])


def _difference(pairs: Pairs) -> str:
    """Difference of the best validation accuracies in points, with a 95% interval over the seeds."""
    points = [100 * (_best(result) - _best(tutorial)) for tutorial, result in pairs]
    if len(points) < 2:
        return f"{mean(points):+.1f} points, one seed"
    margin = float(stdtrit(len(points) - 1, 0.975)) * stdev(points) / len(points) ** 0.5
    return f"{mean(points):+.1f} points ({mean(points) - margin:+.1f} to {mean(points) + margin:+.1f})"


def _time_to_tutorial(pairs: Pairs) -> str:
    """Mean seconds until 98% of the tutorial's best validation accuracy, over the seeds that reach it."""
    times = []
    for tutorial, result in pairs:
        times += [row["seconds"] for row in result["rows"] if row["val_accuracy"] >= 0.98 * _best(tutorial)][:1]
    return f"{seconds(mean(times)) if times else 'never'} ({len(times)} of {len(pairs)} seeds)"


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.1f}% ({min(values):.1f} to {max(values):.1f})"
