"""Depth from which cached features save no time: `python benchmarks/depths.py [--weights FILE]`.

For each depth, measures a training step on cached features and one through the whole model, as the Train page does for
its estimate, and compares the two.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, add_network, machine, print_table, seconds
from core.experiment.run_config import RunConfig
from core.experiment.timings import PhaseTimings
from core.learning.training.timing import measure_timings

DEPTHS = (0, 11, 20, 30, 56, 74, 100, 118, 145)


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    print_table(
        _measure(
            RunConfig(weights=arguments.weights, image_size=arguments.image_size, alpha=arguments.alpha),
            arguments.depths,
        )
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--weights", default="random", help="imagenet, sample, random, or a file")
    add_network(parser)
    add("--depths", type=int, nargs="+", default=DEPTHS, help="numbers of unfrozen layers, from the top of the base")
    return parser.parse_args()


def _measure(config: RunConfig, depths: tuple[int, ...]) -> Iterator[Measurement]:
    for depth in depths:
        cached, whole = (
            measure_timings(replace(config, reuse=reuse), 10, (), (depth,)).phases[depth] for reuse in (True, False)
        )
        times = f"{seconds(cached.step)} per batch instead of {seconds(whole.step)}"
        yield Measurement(f"Top {depth} layers, {_features(cached)}", f"{times}: {whole.step / cached.step:.1f}x")


def _features(timings: PhaseTimings) -> str:
    return (
        f"from {timings.cut}, {2 * prod(timings.shape) / 1e3:.1f} KB per image"
        if timings.cut
        else "no features to cache"
    )


if __name__ == "__main__":
    main()
