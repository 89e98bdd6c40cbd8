"""Draws the figures of docs/sample-world.md: `python -m tools.sample_base.draw_pictures docs/pictures`."""

from argparse import ArgumentParser
from pathlib import Path

import numpy as np
from PIL import Image

from core.data.sample_set.generate import SAMPLE_CLASSES, draw_image
from tools.sample_base.source_world import draw_batch

ROWS, COLUMNS, SIZE = 6, 12, 96


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    _write_sheet(draw_batch((0, 0), ROWS * COLUMNS, SIZE).pixels, folder / "source-world.jpg")
    images = [np.asarray(draw_image(label, seed, SIZE)) for label in SAMPLE_CLASSES for seed in range(COLUMNS)]
    _write_sheet(np.stack(images), folder / "sample-set.jpg")


def _write_sheet(pixels: np.ndarray, path: Path) -> None:
    """Write images (n, size, size, 3) as one JPEG with `COLUMNS` images per row."""
    sheet = pixels.reshape(-1, COLUMNS, SIZE, SIZE, 3).transpose(0, 2, 1, 3, 4).reshape(-1, COLUMNS * SIZE, 3)
    Image.fromarray(sheet).save(path, quality=85)


if __name__ == "__main__":
    main()
