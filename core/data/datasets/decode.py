"""The one way a picture becomes an RGB uint8 array: training and prediction both come through here."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Source = Path | bytes | BinaryIO
Progress = Callable[[int, int], None]

MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")  # phones' MPO files open as JPEG
THREADS = 4

Image.MAX_IMAGE_PIXELS = None  # `open_image` refuses large pictures itself, before anything is decoded


class UnreadableImage(ValueError):
    """The bytes are no picture that can be used; the message is the reason in a few words."""


def load_image(source: Source, size: int) -> np.ndarray:
    """A picture as (size, size, 3) RGB uint8, squeezed to the square, upright.

    Reads JPEG, PNG, GIF and WebP (first frame), BMP and TIFF by content, whatever the file's name. Raises
    `UnreadableImage`.
    """
    return np.asarray(to_square(decode(source, at_least=size), size))


def decode(source: Source, at_least: int = 0) -> Image.Image:
    """A picture in full as RGB, upright. JPEGs may come smaller, but never under 2 x `at_least` pixels a side."""
    image = open_image(source)
    try:
        if at_least and image.format in ("JPEG", "MPO"):
            image.draft(None, (2 * at_least, 2 * at_least))
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's decoders raise whatever they meet in damaged files
        raise UnreadableImage(_damage(error)) from error


def open_image(source: Source) -> Image.Image:
    """The picture's header: format and size, nothing decoded yet. Raises `UnreadableImage`."""
    try:
        image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UnreadableImage("not a picture, or of a kind that is not supported") from error
    except Exception as error:
        raise UnreadableImage(_damage(error)) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableImage(f"{width} x {height} pixels, more than {MAX_PIXELS // 10**6} million")
    return image


def to_square(image: Image.Image, size: int) -> Image.Image:
    """The whole picture squeezed to size x size: nothing is cut off, proportions are not kept."""
    return image.resize((size, size), Image.Resampling.BILINEAR)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _to_8_bits(image)
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image.convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """16-bit and float greys scaled: Pillow itself would clip them to white."""
    grey = np.asarray(image, dtype=np.float64)
    highest = grey.max(initial=0)
    top = 65_535 if image.mode.startswith("I;16") or highest > 255 else 255 if highest > 1 else 1
    return Image.fromarray((np.clip(grey / top, 0, 1) * 255).round().astype(np.uint8))


def _damage(error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0][:120]
    return f"damaged: {reason}"
