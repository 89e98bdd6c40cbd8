"""Quality of exported files: `python benchmarks/exporting.py RUN_FOLDER` exports to each format and runs the file.

Prints size, test accuracy, agreement with Keras on the run's test images, and the time for one image.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, machine, print_table
from core.analysis.text import percent
from core.experiment.export_formats import FORMATS
from core.learning.export.exporter import export_model


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a completed run")
    folder = parser.parse_args().run.resolve()
    print(*machine(), "", sep="\n")
    print_table(_measure(folder, name) for name in FORMATS)


def _measure(folder: Path, name: str) -> Measurement:
    file, export_format = export_model(folder, name), FORMATS[name]
    value = (
        f"{file.bytes / 1e6:.1f} MB, {percent(file.accuracy)}, agrees {percent(file.agreement)}, "
        f"{file.milliseconds:.1f} ms"
    )
    return Measurement(
        f"{file.title}: size, test accuracy, agreement, one image",
        value,
        f"agrees {percent(export_format.min_agreement)}",
    )


if __name__ == "__main__":
    main()
