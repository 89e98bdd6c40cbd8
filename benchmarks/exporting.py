"""What exported files are worth: `python benchmarks/exporting.py RUN_FOLDER` writes each format and runs it.

Size, test accuracy and agreement with Keras on the run's test images, and the time of one image alone, side by side.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Figure, machine, print_table
from core.analysis.text import percent
from core.experiment.export_formats import FORMATS
from core.learning.export.exporter import export_model


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a run that was judged on its test images")
    folder = parser.parse_args().run.resolve()
    print(*machine(), "", sep="\n")
    print_table(_measure(folder, name) for name in FORMATS)


def _measure(folder: Path, name: str) -> Figure:
    found, form = export_model(folder, name), FORMATS[name]
    told = (
        f"{found.bytes / 1e6:.1f} MB, {percent(found.accuracy)}, agrees {percent(found.agreement)}, "
        f"{found.milliseconds:.1f} ms"
    )
    return Figure(
        f"{found.title}: size, test accuracy, agreement, one image", told, f"agrees {percent(form.min_agreement)}"
    )


if __name__ == "__main__":
    main()
