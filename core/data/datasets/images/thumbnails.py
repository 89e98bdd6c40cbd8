"""Thumbnails: small JPEG versions of images for display."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

from PIL import Image, ImageOps

from core.data.datasets.dataset import ImageFile
from core.data.datasets.images.decode import NO_WHITES, THREADS, UnreadableImage, Whites, decode
from core.data.datasets.images.scales import parse_scale

SIDE = 160
"""Maximum length in pixels of a thumbnail's longer side."""

_GREY = "#808080"
_MAX_ASPECT = 4 / 3  # height divided by width


def thumbnail(path: Path, side: int = SIDE, whites: Whites | None = NO_WHITES) -> bytes:
    """Return the thumbnail of an image file, upright; a grey square if the file is damaged or missing.

    `whites` as for `decode`.
    """
    try:
        return encode_thumbnail(decode(path, side, whites), side)
    except (UnreadableImage, OSError):
        return encode_thumbnail(Image.new("RGB", (side, side), _GREY), side)


def encode_thumbnail(image: Image.Image, side: int = SIDE) -> bytes:
    """Encode a decoded image as JPEG, scaled down in place to at most `side` pixels per side, not cropped.

    Very tall images are padded with grey on both sides, so that pages can show all thumbnails at one width.
    """
    image.thumbnail((side, side), Image.Resampling.BILINEAR)
    if image.height > _MAX_ASPECT * image.width:
        image = ImageOps.pad(image, (round(image.height / _MAX_ASPECT), image.height), color=_GREY)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=85)
    return content.getvalue()


def thumbnail_width_fraction(image: Image.Image) -> float:
    """Fraction of the thumbnail's width that the image covers: 1.0 unless the image is very tall."""
    return min(1.0, _MAX_ASPECT * image.width / image.height)


class ThumbnailCache:
    """Thumbnails of images of any data set, each created once; the `limit` most recently used stay in memory."""

    def __init__(self, limit: int = 2_000) -> None:
        self._get = lru_cache(limit)(_thumbnail)  # the key contains the image's hash: changed content is a new key

    def get(self, root: Path, images: Sequence[ImageFile]) -> list[bytes]:
        """Return a JPEG for each image of the data set at `root`."""
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(partial(self._get, root), images))


def _thumbnail(root: Path, image: ImageFile) -> bytes:
    return thumbnail(root / image.path, SIDE, parse_scale(image.scale))
