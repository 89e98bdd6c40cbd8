"""What the pages cost, in one table: `python benchmarks/dashboard.py [--quick]`. Figures stand beside their targets."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Figure, machine, own_room, print_table
from benchmarks.support.predicting import predicting
from benchmarks.support.reruns import reruns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats and runs: does it work at all?")
    quick = parser.parse_args().quick
    print(*machine(), "", sep="\n")
    with own_room() as room:
        print_table(_figures(room, quick))


def _figures(room: Path, quick: bool) -> Iterator[Figure]:
    yield from reruns(room, quick)
    yield from predicting(room, quick)


if __name__ == "__main__":
    main()
