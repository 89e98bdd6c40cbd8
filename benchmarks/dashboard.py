"""Cost of the dashboard's pages: `python benchmarks/dashboard.py [--quick]` prints reruns and predictions."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, machine, print_table, temporary_home
from benchmarks.support.predicting import predicting
from benchmarks.support.reruns import reruns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and runs, to check that it works")
    quick = parser.parse_args().quick
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        print_table(_measure(folder, quick))


def _measure(folder: Path, quick: bool) -> Iterator[Measurement]:
    yield from reruns(folder, quick)
    yield from predicting(folder, quick)


if __name__ == "__main__":
    main()
