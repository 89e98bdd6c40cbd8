"""Cost of run list, first page and launcher: `python benchmarks/foundation.py [--data DIR] [--weights PATH] [--quick]`.

Prints each measurement next to its target; nothing is asserted. Everything happens in a temporary folder: other runs
are not touched, but they slow the machine, so measure on a quiet one.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, machine, print_table, temporary_home
from benchmarks.support.dashboard_server import chromium, chromium_path
from benchmarks.support.first_page import first_page
from benchmarks.support.listing import listing
from benchmarks.support.pages import following, memory
from benchmarks.support.training import overhead
from core.experiment.run_config import SAMPLE


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        print_table(_measure(folder, arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with one subfolder per class; default: the sample set")
    parser.add_argument(
        "--weights", type=Path, help="weights file for alpha 1.0 and 224 px; default: random, 0.35, 96 px"
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer repetitions, epochs and runs, to check that it works"
    )
    return parser.parse_args()


def _measure(folder: Path, arguments: argparse.Namespace) -> Iterator[Measurement]:
    quick = arguments.quick
    yield from listing(folder, quick)
    yield from _measure_pages(folder, quick)
    data = str(arguments.data.resolve()) if arguments.data else SAMPLE
    weights = str(arguments.weights.resolve()) if arguments.weights else "random"
    yield from overhead(folder, data, weights, quick)


def _measure_pages(folder: Path, quick: bool) -> Iterator[Measurement]:
    path = chromium_path()
    if path is None:
        yield Measurement("The dashboard's first page, memory and curves", "skipped: no Chromium or no Playwright")
        return
    with chromium(path) as browser:
        yield from first_page(browser, folder, quick)
        yield from memory(browser, folder)
        yield from following(browser, folder, quick)


if __name__ == "__main__":
    main()
