"""How often the verdict errs where the truth is known: `python benchmarks/verdict_simulation.py [--studies N]`.

For several numbers of seeds, for strategies whose trainings differ not at all, a little and much, and for true
differences of none to ten points: the share of studies that claim a difference, and the share whose 95% interval holds
the true one, each with its own 95% interval. `docs/method.md` has the table.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.support.common import Figure, machine, print_table
from benchmarks.support.verdict_world import World, claims_and_coverage
from core.analysis.statistics.wilson_interval import wilson_interval

SEEDS = 1, 2, 3, 5, 10
SPREADS = {"trainings alike": 0.0, "trainings differ": 0.05, "trainings differ much": 0.15}
DIFFERENCES = 0.0, 0.02, 0.05, 0.10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=2_000, help="drawn for each line")
    parser.add_argument("--images", type=int, default=2_500, help="in the data set; 15%% of them test")
    arguments = parser.parse_args()
    print(*machine(), "", "Share of studies that claim a difference, then coverage of the interval:", sep="\n")
    print_table(_figures(arguments.studies, arguments.images))


def _figures(studies: int, images: int) -> Iterator[Figure]:
    for name, spread in SPREADS.items():
        for seeds in SEEDS:
            for difference in DIFFERENCES:
                rng = np.random.default_rng([seeds, round(1_000 * spread), round(1_000 * difference)])
                found = claims_and_coverage(World(images=images, spread=spread), seeds, difference, studies, rng)
                what = f"{name}, {seeds} seed{'s'[: seeds > 1]}, {100 * difference:.0f} points apart"
                yield Figure(
                    what,
                    f"{_share(found.claims, studies)}, {_share(found.coverage, studies)}",
                    "at most 5%, 93 to 97%" if difference == 0 else "93 to 97%",
                )


def _share(share: float, studies: int) -> str:
    low, high = wilson_interval(share, studies)
    return f"{100 * share:.1f}% ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()
