"""Coverage of two intervals for a paired difference: `python benchmarks/paired_intervals.py [--studies N]`.

Simulates two models on the same test images, with a known true difference. Reports how often Newcombe's interval and
the bootstrap percentile interval (2,000 resamples of the images) contain it, and their mean widths. `docs/method.md`
has the table.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.support.common import Measurement, machine, print_table
from benchmarks.support.verdict_world import World, draw_study
from core.analysis.statistics.paired_models import Pairing, paired_interval
from core.analysis.statistics.wilson_interval import CONFIDENCE, Interval, wilson_interval

TEST_IMAGES = 40, 100, 375
DIFFERENCES = 0.0, 0.02, 0.05, 0.10
RESAMPLES = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=4_000, help="simulated studies per row")
    arguments = parser.parse_args()
    print(*machine(), "", "Coverage and mean width in points: Newcombe's interval / bootstrap interval", sep="\n")
    print_table(_measure(arguments.studies))


def _measure(studies: int) -> Iterator[Measurement]:
    for images in TEST_IMAGES:
        world = World(images, run_sd=0.0)
        for difference in DIFFERENCES:
            rng = np.random.default_rng([images, round(1_000 * difference)])
            studied = [draw_study(world, 1, (difference, 0.0), rng).correct[0] for _ in range(studies)]
            pairings = [Pairing.from_correct(*correct) for correct in studied]
            newcombe = _coverage_and_width([paired_interval(pairing) for pairing in pairings], difference)
            bootstrap = _coverage_and_width([bootstrap_interval(pairing, rng) for pairing in pairings], difference)
            yield Measurement(
                f"{images} test images, true difference {100 * difference:.0f} points", f"{newcombe} / {bootstrap}"
            )


def bootstrap_interval(pairing: Pairing, rng: np.random.Generator) -> Interval:
    """Percentile interval of the difference over resampled images: multinomial draws of the four outcomes per image."""
    cells = np.array([pairing.both, pairing.only_first, pairing.only_second, pairing.neither])
    drawn = rng.multinomial(pairing.images, cells / pairing.images, RESAMPLES)
    low, high = np.quantile((drawn[:, 1] - drawn[:, 2]) / pairing.images, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _coverage_and_width(intervals: list[Interval], difference: float) -> str:
    share = float(np.mean([low <= difference <= high for low, high in intervals]))
    low, high = wilson_interval(share, len(intervals))
    width = 100 * float(np.mean([high - low for low, high in intervals]))
    return f"{100 * share:.1f}% ({100 * low:.1f} to {100 * high:.1f}), {width:.1f}"


if __name__ == "__main__":
    main()
