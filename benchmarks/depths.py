"""At which depth reuse stops paying: `python benchmarks/depths.py [--weights FILE]`.

For each depth the pace of a phase that trains so many layers, from kept rows and through the whole model, both measured
as the Train page does before a start. An epoch from kept rows is set against the same epoch with everything computed.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Figure, add_network, machine, print_table, seconds
from core.experiment.run_config import RunConfig
from core.experiment.timings import PhaseTimings
from core.learning.training.timing import measure_timings

DEPTHS = (0, 11, 20, 30, 56, 74, 100, 118, 145)


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    print_table(
        _figures(
            RunConfig(weights=arguments.weights, image_size=arguments.image_size, alpha=arguments.alpha),
            arguments.depths,
        )
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--weights", default="random")
    add_network(parser)
    add("--depths", type=int, nargs="+", default=DEPTHS, help="how many layers from the top train")
    return parser.parse_args()


def _figures(config: RunConfig, depths: tuple[int, ...]) -> Iterator[Figure]:
    for depth in depths:
        kept, whole = (
            measure_timings(replace(config, reuse=reuse), 10, (), (depth,)).phases[depth] for reuse in (True, False)
        )
        times = f"{seconds(kept.step)} a batch against {seconds(whole.step)}"
        yield Figure(f"Top {depth} layers, {_row(kept)}", f"{times}: {whole.step / kept.step:.1f}x")


def _row(pace: PhaseTimings) -> str:
    return f"from {pace.cut}, {2 * prod(pace.shape) / 1e3:.1f} KB an image" if pace.cut else "nothing to keep"


if __name__ == "__main__":
    main()
