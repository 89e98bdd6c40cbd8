"""What the foundation costs, in one table: `python benchmarks/foundation.py [--data DIR] [--weights PATH] [--quick]`.

Figures stand beside their targets; nothing is asserted. All happens in a temporary folder: real runs are neither
touched nor waited for - but they slow the machine, so measure on a quiet one.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Figure, machine, own_room, print_table
from benchmarks.support.dashboard_server import chromium, chromium_path
from benchmarks.support.first_page import first_page
from benchmarks.support.listing import listing
from benchmarks.support.pages import following, memory
from benchmarks.support.training import overhead
from core.experiment.run_config import SAMPLE


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with own_room() as room:
        print_table(_figures(room, arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="train on this folder of class folders (the drawn sample set)")
    parser.add_argument("--weights", type=Path, help="train from this file, at alpha 1.0 and 224 px (random, 0.35, 96)")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, epochs and runs: does it work at all?")
    return parser.parse_args()


def _figures(room: Path, arguments: argparse.Namespace) -> Iterator[Figure]:
    quick = arguments.quick
    yield from listing(room, quick)
    yield from _pages(room, quick)
    data = str(arguments.data.resolve()) if arguments.data else SAMPLE
    weights = str(arguments.weights.resolve()) if arguments.weights else "random"
    yield from overhead(room, data, weights, quick)


def _pages(room: Path, quick: bool) -> Iterator[Figure]:
    path = chromium_path()
    if path is None:
        yield Figure("The dashboard's first page, memory and curves", "skipped: no Chromium or no Playwright")
        return
    with chromium(path) as browser:
        yield from first_page(browser, room, quick)
        yield from memory(browser, room)
        yield from following(browser, room, quick)


if __name__ == "__main__":
    main()
