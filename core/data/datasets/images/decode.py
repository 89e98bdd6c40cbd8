"""Decode image files to RGB uint8 arrays, in the same way for training, prediction and exported models.

This file imports nothing of the project: every exported model is packed together with a copy of it.
"""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

try:
    from pillow_heif import register_heif_opener

    register_heif_opener()
except ImportError:  # an exported model's example also runs without it
    pass

Source = Path | bytes | BinaryIO
Progress = Callable[[int, int], None]
Whites = Mapping[str, float]
"""The value that is shown as white, by kind of image, for example {"16-bit grey": 4095.0}."""

MAX_PIXELS = 100_000_000
MAX_TEXT_BYTES = 64 * 2**20
"""The most that the texts of a PNG, or its colour profile, may take uncompressed. Pillow allows 1 MiB."""

Image.init()
FORMATS = tuple(name for name in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "HEIF", "AVIF") if name in Image.OPEN)
"""Formats that are read, by Pillow's names. MPO files from phones open as JPEG."""

USUAL_WHITES = (1.0, 255.0, 1_023.0, 4_095.0, 16_383.0, 65_535.0)
"""White of floats from 0 to 1, and of 8, 10, 12, 14 and 16 bits."""

TOLERANCE = 0.01
"""Share of white by which values may lie beyond the range, as resampling leaves them."""

NO_WHITES: Whites = MappingProxyType({})
THREADS = 4

_ORIENTATION = 0x0112  # EXIF's tag
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEEP_COLOUR = ("RGB;16", "RGBA;16", "RGBX;16", "LA;16")
_DEEP_GREY = {"I": "32-bit grey", "F": "float grey"}
_BLOCK_ROWS = 64

Image.MAX_IMAGE_PIXELS = None  # `open_image` itself refuses large images, before anything is decoded
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MAX_TEXT_BYTES


class UnreadableImage(ValueError):
    """The bytes are not a usable image; the message gives the reason in a few words."""


class Levels(NamedTuple):
    """The kind of an image with more than 8 bits per channel, and the range of 0 and its finite values."""

    kind: str
    lowest: float
    highest: float


def load_image(source: Source, size: int, whites: Whites | None = NO_WHITES) -> np.ndarray:
    """Decode an image to (size, size, 3) RGB uint8, upright and resized to a square.

    Reads JPEG, PNG, GIF and WebP (first frame), BMP, TIFF, HEIC and AVIF. The format is detected from the content, not
    the file name. `whites` as for `decode`. Raises `UnreadableImage`.
    """
    return np.asarray(to_square(decode(source, size, whites), size))


def decode(source: Source, min_size: int = 0, whites: Whites | None = NO_WHITES) -> Image.Image:
    """Decode an image to RGB, upright.

    If `min_size` is given, a JPEG may be decoded at reduced size, to at least 2 x `min_size` pixels per side.
    Raises `UnreadableImage`.

    Args:
        whites: for images of more than 8 bits per channel. The white value of a kind that is missing is chosen from the
            image itself. None scales as versions did that recorded no white values.
    """
    return decode_and_measure(source, min_size, whites)[0]


def decode_and_measure(
    source: Source, min_size: int = 0, whites: Whites | None = NO_WHITES
) -> tuple[Image.Image, Levels | None]:
    """Decode as `decode` does; also return the levels of an image of more than 8 bits. Raises `UnreadableImage`."""
    image = open_image(source)
    try:
        if min_size and image.format in ("JPEG", "MPO"):
            image.draft(None, (2 * min_size, 2 * min_size))
        rgb, levels = _scale_to_8_bits(image, whites)
        return _to_rgb(upright(rgb, image)), levels
    except Exception as error:  # Pillow's decoders raise many kinds of exceptions on damaged files
        raise UnreadableImage(_describe_damage(error)) from error


def open_image(source: Source) -> ImageFile.ImageFile:
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


def upright(pixels: Image.Image, source: Image.Image) -> Image.Image:
    """Turn the pixels of the opened file `source` by the orientation in its EXIF data; broken EXIF data have none."""
    try:
        transposition = _TRANSPOSITIONS.get(source.getexif().get(_ORIENTATION, 1))
    except Exception:  # Pillow raises many kinds of exceptions; the pixels are sound nevertheless
        return pixels
    return pixels if transposition is None else pixels.transpose(transposition)


def to_square(image: Image.Image, size: int) -> Image.Image:
    """Resize the whole image to size x size: nothing is cropped, the aspect ratio changes."""
    return image.resize((size, size), Image.Resampling.BILINEAR)


def white_value(highest: float) -> float:
    """Choose the white value of images whose values reach `highest`.

    It is the smallest usual one that the values exceed by at most `TOLERANCE`, if they reach a quarter of it; otherwise
    `highest` itself.
    """
    usual = next((white for white in USUAL_WHITES if highest <= (1 + TOLERANCE) * white), 0.0)
    return usual if highest > usual / 4 and usual else highest if highest > 0 else 1.0


def _scale_to_8_bits(image: ImageFile.ImageFile, whites: Whites | None) -> tuple[Image.Image, Levels | None]:
    """Load an image and scale its values to 8 bits, which Pillow would clip or cut off; 8-bit images stay as they are.

    Infinite values become white or black, and what is not a number black.
    """
    kind = _kind(image)
    values = _read_values(image, kind) if kind and not (whites is None and kind == "16-bit colour") else None
    if values is None:
        image.load()
        return image, None
    levels = Levels(kind, *_range(values[..., :3]))
    white = _earlier_white(kind, levels.highest) if whites is None else whites.get(kind) or white_value(levels.highest)
    pixels = _to_8_bits(values[..., :3], white)
    result = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if values.shape[2] == 4:
        result.putalpha(Image.fromarray(_to_8_bits(values[..., 3], 65_535.0)))
    return result, levels


def _range(values: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest of 0 and the finite values."""
    finite = np.isfinite(values) if values.dtype.kind == "f" else True
    return float(values.min(where=finite, initial=0)), float(values.max(where=finite, initial=0))


def _to_8_bits(values: np.ndarray, white: float) -> np.ndarray:
    """Scale values to uint8, so that `white` becomes 255.

    16-bit values are looked up. Both ways proceed by blocks of rows: a large image as floats, or as the 64-bit indices
    that NumPy makes of what it looks up, would take gigabytes.
    """
    pixels = np.empty(values.shape, np.uint8)
    table = _scaled(np.arange(65_536), white) if values.dtype.kind == "u" else None
    for start in range(0, len(values), _BLOCK_ROWS):
        block = values[start : start + _BLOCK_ROWS]
        pixels[start : start + _BLOCK_ROWS] = _scaled(block, white) if table is None else table[block]
    return pixels


def _scaled(values: np.ndarray, white: float) -> np.ndarray:
    """Scale values of any type to uint8 as float64."""
    shares = np.nan_to_num(values.astype(np.float64) / white, nan=0.0, posinf=1.0, neginf=0.0)
    return (np.clip(shares, 0, 1) * 255).round().astype(np.uint8)


def _kind(image: ImageFile.ImageFile) -> str:
    """Return the kind of an image with more than 8 bits per channel that is not loaded yet; "" for 8 bits."""
    if image.mode.startswith("I;16"):
        return "16-bit grey"
    arguments = image.tile[0].args if image.tile else ""
    raw_mode = str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)
    return "16-bit colour" if raw_mode.startswith(_DEEP_COLOUR) else _DEEP_GREY.get(image.mode, "")


def _read_values(image: ImageFile.ImageFile, kind: str) -> np.ndarray | None:
    """Return the values as (H, W, channels): 1 = grey, 3 = RGB, 4 = RGBA; None if only Pillow reads them."""
    if kind != "16-bit colour":
        return np.asarray(image)[..., None]
    import cv2  # only here, so that other images can be read without it

    assert image.fp is not None  # the image is open
    image.fp.seek(0)
    values = cv2.imdecode(np.frombuffer(image.fp.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        return None
    return cv2.cvtColor(values, cv2.COLOR_BGR2RGB if values.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def _earlier_white(kind: str, highest: float) -> float:
    """Return the white value that versions used which recorded none."""
    return 65_535.0 if kind == "16-bit grey" or highest > 255 else 255.0 if highest > 1 else 1.0


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert to RGB; transparent pixels become white."""
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image)
    return image.convert("RGB")


def _describe_damage(error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0][:120]
    if "MAX_TEXT" in reason:
        return f"its texts or its colour profile take more than {MAX_TEXT_BYTES // 2**20} MB"
    return f"damaged: {reason}"
