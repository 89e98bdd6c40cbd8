"""Accuracy of near-duplicate detection: `python benchmarks/near_duplicates.py --data DIR [--picture FILE]`.

Adds modified copies of some photos to all photos, one kind of modification after another, and scans them as before a
training. Then reports the photos that are considered near-duplicates without added copies; `--picture` draws them.
"""

import argparse
import io
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PIL import Image, ImageEnhance, ImageOps

from benchmarks.support.common import Measurement, machine, print_table, seconds, temporary_home
from core.data.datasets.dataset import Dataset, ImageFile
from core.data.datasets.folder_layout import find_root
from core.data.datasets.images.decode import decode
from core.data.datasets.scan import scan

Modification = Callable[[Image.Image], Image.Image]
_QUALITY, _SIDE = 92, 112


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder with one subfolder per class")
    parser.add_argument("--copies", type=int, default=300, help="number of copies per kind of modification")
    parser.add_argument("--picture", type=Path, help="image file to write, with the groups of near-duplicates")
    arguments = parser.parse_args()
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        print_table(_measure(folder, find_root(Path(arguments.data)), arguments))


def _measure(folder: Path, root: Path, arguments: argparse.Namespace) -> Iterator[Measurement]:
    start = time.perf_counter()
    dataset = scan(root)
    yield Measurement(f"Scanning {len(dataset.images):,} photos", seconds(time.perf_counter() - start))
    originals = random.Random(0).sample(dataset.images, min(arguments.copies, len(dataset.images)))
    for name, modify in _modifications().items():
        found = _count_found(folder / name.replace(" ", "-"), dataset, originals, modify)
        yield Measurement(f"Found of {len(originals)} copies, {name}", f"{100 * found / len(originals):.1f}%", "95%")
    groups = dataset.near_duplicates
    pairs = sum(len(group) - 1 for group in groups)
    yield Measurement("Groups of near-duplicates without copies, photos beyond the first", f"{len(groups)}, {pairs}")
    yield Measurement(
        "  of all photos (some are true near-duplicates: check)",
        f"{100 * pairs / len(dataset.images):.2f}%",
        "1% false",
    )
    if arguments.picture:
        _draw(dataset, arguments.picture)


def _modifications() -> dict[str, Modification]:
    rng = random.Random(1)
    return {
        "at 60% of the size": lambda image: image.resize((round(0.6 * image.width), round(0.6 * image.height))),
        "recompressed at quality 30": lambda image: _recompress(image, 30),
        "cropped by 5% per side": lambda image: _crop(image, rng),
        "10% brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
        "10% darker": lambda image: ImageEnhance.Brightness(image).enhance(0.9),
        "mirrored": ImageOps.mirror,
    }


def _recompress(image: Image.Image, quality: int) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return decode(content.getvalue())


def _crop(image: Image.Image, rng: random.Random) -> Image.Image:
    """Crop to 95% of width and height, at a random position."""
    left, top = rng.uniform(0, 0.05) * image.width, rng.uniform(0, 0.05) * image.height
    return image.crop((round(left), round(top), round(left + 0.95 * image.width), round(top + 0.95 * image.height)))


def _count_found(folder: Path, dataset: Dataset, originals: list[ImageFile], modify: Modification) -> int:
    """Count the modified copies that are in the near-duplicate group of their original."""
    for image in dataset.images:
        link = folder / image.label / f"{image.hash}{Path(image.path).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.exists() or link.symlink_to((dataset.root / image.path).resolve())
    copies = {}
    for image in originals:
        copy = Path(image.label) / f"copy-of-{image.hash}.jpg"
        modify(decode(dataset.root / image.path)).save(folder / copy, "JPEG", quality=_QUALITY)
        copies[copy.as_posix()] = image.hash
    both = scan(folder)
    groups = {image.hash: image.duplicate_group for image in both.images}
    return sum(image.duplicate_group == groups[copies[image.path]] for image in both.images if image.path in copies)


def _draw(dataset: Dataset, path: Path) -> None:
    """Draw the groups of near-duplicates, one row per group."""
    groups = dataset.near_duplicates
    sheet = Image.new("RGB", (_SIDE * max(map(len, groups), default=1), _SIDE * max(1, len(groups))), "white")
    for row, group in enumerate(groups):
        for column, image in enumerate(group):
            sheet.paste(decode(dataset.root / image.path).resize((_SIDE, _SIDE)), (_SIDE * column, _SIDE * row))
    sheet.save(path)


if __name__ == "__main__":
    main()
