"""Decode image files to RGB uint8 arrays, in the same way for training and prediction."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Source = Path | bytes | BinaryIO
Progress = Callable[[int, int], None]

MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")  # MPO files from phones open as JPEG
THREADS = 4

Image.MAX_IMAGE_PIXELS = None  # `open_image` itself refuses large images, before anything is decoded


class UnreadableImage(ValueError):
    """The bytes are not a usable image; the message gives the reason in a few words."""


def load_image(source: Source, size: int) -> np.ndarray:
    """Decode an image to (size, size, 3) RGB uint8, upright and resized to a square.

    Reads JPEG, PNG, GIF and WebP (first frame), BMP and TIFF. The format is detected from the content, not the file
    name. Raises `UnreadableImage`.
    """
    return np.asarray(to_square(decode(source, min_size=size), size))


def decode(source: Source, min_size: int = 0) -> Image.Image:
    """Decode an image to RGB, upright.

    If `min_size` is given, a JPEG may be decoded at reduced size, to at least 2 x `min_size` pixels per side.
    Raises `UnreadableImage`.
    """
    image = open_image(source)
    try:
        if min_size and image.format in ("JPEG", "MPO"):
            image.draft(None, (2 * min_size, 2 * min_size))
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's decoders raise many kinds of exceptions on damaged files
        raise UnreadableImage(_describe_damage(error)) from error


def open_image(source: Source) -> Image.Image:
    """Read the header of an image, its format and size, without decoding it. Raises `UnreadableImage`."""
    try:
        image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UnreadableImage("not an image, or in an unsupported format") from error
    except Exception as error:
        raise UnreadableImage(_describe_damage(error)) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableImage(f"{width} x {height} pixels, more than {MAX_PIXELS // 10**6} million")
    return image


def to_square(image: Image.Image, size: int) -> Image.Image:
    """Resize the whole image to size x size: nothing is cropped, the aspect ratio changes."""
    return image.resize((size, size), Image.Resampling.BILINEAR)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert to RGB; transparent pixels become white."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _to_8_bits(image)
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image)
    return image.convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit and floating-point grey values to 0-255; Pillow would clip them to white."""
    grey = np.asarray(image, dtype=np.float64)
    highest = grey.max(initial=0)
    white = 65_535 if image.mode.startswith("I;16") or highest > 255 else 255 if highest > 1 else 1
    return Image.fromarray((np.clip(grey / white, 0, 1) * 255).round().astype(np.uint8))


def _describe_damage(error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0][:120]
    return f"damaged: {reason}"
