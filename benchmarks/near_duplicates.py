"""How many near-duplicates are found: `python benchmarks/near_duplicates.py --data DIR [--picture FILE]`.

Changed copies of some photos are put beside all photos, one kind of change after another, and the whole is looked
through as before a training. Then the photos alone: which of them are taken for one another; `--picture` shows those.
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

from benchmarks.support.common import Figure, machine, own_room, print_table, seconds
from core.data.datasets.decode import decode
from core.data.datasets.scan import Dataset, ImageFile, find_root, scan

Change = Callable[[Image.Image], Image.Image]
_QUALITY, _SIDE = 92, 112


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of class folders")
    parser.add_argument("--copies", type=int, default=300, help="of each kind")
    parser.add_argument("--picture", type=Path, help="shows the photos that are taken for one another")
    arguments = parser.parse_args()
    print(*machine(), "", sep="\n")
    with own_room() as room:
        print_table(_figures(room, find_root(Path(arguments.data)), arguments))


def _figures(room: Path, root: Path, arguments: argparse.Namespace) -> Iterator[Figure]:
    began = time.perf_counter()
    alone = scan(root)
    yield Figure(f"Looking through {len(alone.pictures):,} photos", seconds(time.perf_counter() - began))
    some = random.Random(0).sample(alone.pictures, min(arguments.copies, len(alone.pictures)))
    for name, change in _changes().items():
        found = _found(room / name.replace(" ", "-"), alone, some, change)
        yield Figure(f"Found of {len(some)} copies, {name}", f"{100 * found / len(some):.1f}%", "95%")
    groups = alone.near_duplicates
    pairs = sum(len(group) - 1 for group in groups)
    yield Figure("Photos taken for another: groups, photos beyond the first", f"{len(groups)}, {pairs}")
    yield Figure(
        "  of all photos (some do show one thing twice: look)", f"{100 * pairs / len(alone.pictures):.2f}%", "1% false"
    )
    if arguments.picture:
        _draw(alone, arguments.picture)


def _changes() -> dict[str, Change]:
    rng = random.Random(1)
    return {
        "at 60% of the size": lambda image: image.resize((round(0.6 * image.width), round(0.6 * image.height))),
        "recompressed at quality 30": lambda image: _recompressed(image, 30),
        "5% of each side cut off": lambda image: _cropped(image, rng),
        "10% brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
        "10% darker": lambda image: ImageEnhance.Brightness(image).enhance(0.9),
        "mirrored": ImageOps.mirror,
    }


def _recompressed(image: Image.Image, quality: int) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return decode(content.getvalue())


def _cropped(image: Image.Image, rng: random.Random) -> Image.Image:
    """95% of its width and of its height, from anywhere."""
    left, top = rng.uniform(0, 0.05) * image.width, rng.uniform(0, 0.05) * image.height
    return image.crop((round(left), round(top), round(left + 0.95 * image.width), round(top + 0.95 * image.height)))


def _found(room: Path, alone: Dataset, some: list[ImageFile], change: Change) -> int:
    """How many changed copies are known for the photo they were made from."""
    for picture in alone.pictures:
        link = room / picture.label / f"{picture.hash}{Path(picture.path).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.exists() or link.symlink_to((alone.root / picture.path).resolve())
    copies = {}
    for picture in some:
        copy = Path(picture.label) / f"copy-of-{picture.hash}.jpg"
        change(decode(alone.root / picture.path)).save(room / copy, "JPEG", quality=_QUALITY)
        copies[copy.as_posix()] = picture.hash
    both = scan(room)
    photo = {picture.hash: picture.photo for picture in both.pictures}
    return sum(picture.photo == photo[copies[picture.path]] for picture in both.pictures if picture.path in copies)


def _draw(dataset: Dataset, path: Path) -> None:
    """A row a group."""
    groups = dataset.near_duplicates
    sheet = Image.new("RGB", (_SIDE * max(map(len, groups), default=1), _SIDE * max(1, len(groups))), "white")
    for row, group in enumerate(groups):
        for column, picture in enumerate(group):
            sheet.paste(decode(dataset.root / picture.path).resize((_SIDE, _SIDE)), (_SIDE * column, _SIDE * row))
    sheet.save(path)


if __name__ == "__main__":
    main()
