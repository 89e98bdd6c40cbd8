"""Error rates of the verdict on simulated studies: `python benchmarks/verdict_simulation.py [--studies N]`.

For several numbers of seeds, amounts of variation between trainings, and true differences from 0 to 10 points: the
share of studies that claim a difference, and the share whose 95% interval contains the true one, each with a 95%
interval. `docs/method.md` has the table.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.support.common import Measurement, machine, print_table
from benchmarks.support.verdict_world import Simulation, claims_and_coverage
from core.analysis.statistics.wilson_interval import wilson_interval

SEEDS = 1, 2, 3, 5, 10
SPREADS = {"no variation": 0.0, "small variation": 0.05, "large variation": 0.15}
DIFFERENCES = 0.0, 0.02, 0.05, 0.10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=2_000, help="simulated studies per row")
    parser.add_argument("--images", type=int, default=2_500, help="images in the data set; 15%% are test images")
    arguments = parser.parse_args()
    print(*machine(), "", "Share of studies that claim a difference, then coverage of the interval", sep="\n")
    print_table(_measure(arguments.studies, arguments.images))


def _measure(studies: int, images: int) -> Iterator[Measurement]:
    for name, spread in SPREADS.items():
        for seeds in SEEDS:
            for difference in DIFFERENCES:
                rng = np.random.default_rng([seeds, round(1_000 * spread), round(1_000 * difference)])
                rates = claims_and_coverage(Simulation(images=images, spread=spread), seeds, difference, studies, rng)
                row_name = f"{name}, {seeds} seed{'s'[: seeds > 1]}, {100 * difference:.0f} points true difference"
                yield Measurement(
                    row_name,
                    f"{_share(rates.claims, studies)}, {_share(rates.coverage, studies)}",
                    "at most 5%, 93 to 97%" if difference == 0 else "93 to 97%",
                )


def _share(share: float, studies: int) -> str:
    low, high = wilson_interval(share, studies)
    return f"{100 * share:.1f}% ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()
