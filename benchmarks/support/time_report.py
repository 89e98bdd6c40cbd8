"""The table of `time_to_accuracy.py`: what its measurements say."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Final

from benchmarks.support.common import Figure, seconds
from core.analysis.statistics.significance import two_sided_t

TUTORIAL, CACHED, COLD, WARM = "tutorial", "tutorial, images cached", "engine, nothing kept", "engine, all kept"
VARIANTS: Final = (TUTORIAL, CACHED, COLD, WARM)
SETTINGS: Final = {
    "engine, 1 view": {"views": 1},
    "engine, 2 views": {"views": 2},
    "engine, 8 views": {"views": 8},
    "engine, fresh views": {"views": 0},
    "engine, rows in 32 bits": {"kept_precision": "float32"},
}
"""The engine with nothing kept, otherwise than by default (4 views, 16 bits)."""
TARGETS: Final = {
    "Feature extraction": {COLD: "10x", WARM: "100x"},
    "Two-phase": {COLD: "7x", WARM: "10x"},
    "All layers": {COLD: "1.3x"},
}

Done = dict[tuple[str, int], dict]
"""By variant and seed: `rows` (seconds and validation accuracy an epoch), test accuracy, memory, what was kept."""

Pairs = Sequence[tuple[dict, dict]]
"""(the tutorial's, another variant's) measurements, a pair a seed that has both."""


def read(path: Path) -> Done:
    """What a file of measurements holds; nothing where there is none."""
    if not path.is_file():
        return {}
    return {(row["variant"], row["seed"]): row for row in map(json.loads, path.read_text().splitlines())}


def figures(done: Done, phase1_epochs: int | None) -> Iterator[Figure]:
    """Ratios seed by seed against the tutorial, and what came out. `None` says that all layers were trained."""
    variants = {variant: pairs for variant in (*VARIANTS, *SETTINGS) if (pairs := _against_tutorial(done, variant))}
    parts = [("Feature extraction", phase1_epochs), ("Two-phase", None)] if phase1_epochs else [("All layers", None)]
    for name, epochs in parts:
        for variant, pairs in variants.items():
            yield Figure(f"{name}: {variant}", _ratio(pairs, epochs), TARGETS[name].get(variant, ""))
    for variant, pairs in variants.items():
        best = [100 * _best(found) for _, found in pairs]
        test = [100 * found["test_accuracy"] for _, found in pairs]
        yield Figure(f"Validation / test accuracy: {variant}", f"{_spread(best)} / {_spread(test)}")
    for variant, pairs in variants.items():
        if variant != TUTORIAL:
            yield Figure(f"Validation accuracy against the tutorial's: {variant}", _difference(pairs), "-1 or more")
    for variant, pairs in variants.items():
        yield Figure(f"Time to 98% of the tutorial's best: {variant}", _time_to(pairs))
    for variant, pairs in variants.items():
        yield Figure(f"Most memory: {variant}", f"{max(found['memory'] for _, found in pairs) / 1e9:.1f} GB")
    for variant, pairs in variants.items():
        if variant not in (TUTORIAL, CACHED):
            yield Figure(f"Kept on disk: {variant}", f"{max(found['kept'] for _, found in pairs) / 1e6:.0f} MB")


def _against_tutorial(done: Done, variant: str) -> Pairs:
    seeds = sorted(seed for name, seed in done if name == variant and (TUTORIAL, seed) in done)
    return [(done[TUTORIAL, seed], done[variant, seed]) for seed in seeds]


def _ratio(pairs: Pairs, epochs: int | None) -> str:
    taken = [[found["rows"][(epochs or 0) - 1]["seconds"] for found in pair] for pair in pairs]
    ratios = [tutorial / other for tutorial, other in taken]
    return f"{seconds(mean(other for _, other in taken))}, {mean(ratios):.1f}x ({min(ratios):.1f} to {max(ratios):.1f})"


def _best(found: dict) -> float:
    return max(row["val_accuracy"] for row in found["rows"])


def _difference(pairs: Pairs) -> str:
    """Points between the best epochs, with a 95% interval over the seeds."""
    points = [100 * (_best(found) - _best(tutorial)) for tutorial, found in pairs]
    if len(points) < 2:
        return f"{mean(points):+.1f} points, one seed"
    reach = two_sided_t(len(points) - 1) * stdev(points) / len(points) ** 0.5
    return f"{mean(points):+.1f} points ({mean(points) - reach:+.1f} to {mean(points) + reach:+.1f})"


def _time_to(pairs: Pairs) -> str:
    """Mean seconds until validation accuracy is 98% of the tutorial's best, over the seeds that get there."""
    reached = []
    for tutorial, found in pairs:
        reached += [row["seconds"] for row in found["rows"] if row["val_accuracy"] >= 0.98 * _best(tutorial)][:1]
    return f"{seconds(mean(reached)) if reached else 'never'} ({len(reached)} of {len(pairs)} seeds)"


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.1f}% ({min(values):.1f} to {max(values):.1f})"
