"""Small versions of pictures, to look at."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

from PIL import Image, ImageOps

from core.data.datasets.decode import THREADS, UnreadableImage, decode
from core.data.datasets.scan import ImageFile

SIDE = 160
"""Pixels of a thumbnail's longer side, at most."""

_GREY = "#808080"
_TALLEST = 4 / 3


def thumbnail(path: Path, side: int = SIDE) -> bytes:
    """The picture file as `as_jpeg` makes it, upright; a grey square where it is damaged or gone."""
    try:
        return as_jpeg(decode(path, at_least=side), side)
    except (UnreadableImage, OSError):
        return as_jpeg(Image.new("RGB", (side, side), _GREY), side)


def as_jpeg(image: Image.Image, side: int = SIDE) -> bytes:
    """A decoded picture as a JPEG of at most `side` pixels a side, nothing cut off; the picture itself shrinks.

    A very tall one has grey beside it, so that pages can show all of them at one width.
    """
    image.thumbnail((side, side), Image.Resampling.BILINEAR)
    if image.height > _TALLEST * image.width:
        image = ImageOps.pad(image, (round(image.height / _TALLEST), image.height), color=_GREY)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=85)
    return content.getvalue()


def shown_share(image: Image.Image) -> float:
    """Which share of the width of `as_jpeg` the picture takes: all, but for a very tall one."""
    return min(1.0, _TALLEST * image.width / image.height)


class ThumbnailCache:
    """Thumbnails of pictures of any data set, each made once; the `limit` last asked for are kept."""

    def __init__(self, limit: int = 2_000) -> None:
        self._of = lru_cache(limit)(_thumbnail)  # a picture carries its content's hash: a changed one is made anew

    def of(self, root: Path, pictures: Sequence[ImageFile]) -> list[bytes]:
        """JPEG bytes of each picture of the data set at `root`."""
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(partial(self._of, root), pictures))


def _thumbnail(root: Path, picture: ImageFile) -> bytes:
    return thumbnail(root / picture.path)
