"""The same asymmetric picture in many kinds of file."""

import io

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 96, 64


def upright() -> Image.Image:
    """Four flat quarters: red, green, blue, white."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = 230, 20, 20
    pixels[: HEIGHT // 2, WIDTH // 2 :] = 20, 200, 20
    pixels[HEIGHT // 2 :, : WIDTH // 2] = 20, 20, 210
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = 255
    return Image.fromarray(pixels)


def see_through() -> Image.Image:
    """The same, but its white quarter is transparent black."""
    picture = upright().convert("RGBA")
    picture.paste((0, 0, 0, 0), (WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT))
    return picture


def ramp() -> np.ndarray:
    """A 16-bit grey that rises from black on the left to white on the right."""
    return np.tile(np.linspace(0, 65_535, WIDTH).round().astype(np.uint16), (HEIGHT, 1))


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def palette(transparency: bool = False) -> Image.Image:
    picture = upright().quantize(8)
    if transparency:
        picture.info["transparency"] = picture.getpixel((WIDTH - 1, HEIGHT - 1))
    return picture


def then(first: Image.Image) -> dict:
    """Options that add a second, black frame."""
    return {"save_all": True, "append_images": [Image.new(first.mode, first.size)], "duration": 100}


def oriented(number: int, kind: str, **options: object) -> bytes:
    """Stored turned or mirrored, with the EXIF orientation that puts it upright again."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = number
    picture = upright().transpose(turn[number]) if number in turn else upright()
    return saved(picture, kind, exif=exif, **options)


GREY, GREY16 = upright().convert("L"), Image.fromarray(ramp())

COLOUR = {
    "png": saved(upright(), "PNG"),
    "bmp": saved(upright(), "BMP"),
    "tiff": saved(upright(), "TIFF"),
    "tiff lzw": saved(upright(), "TIFF", compression="tiff_lzw"),
    "gif": saved(upright(), "GIF"),
    "webp": saved(upright(), "WEBP", lossless=True),
    "palette png": saved(palette(), "PNG"),
    "palette gif with 2 frames": saved(palette(), "GIF", **then(palette())),
    "webp with 2 frames": saved(upright(), "WEBP", lossless=True, **then(upright())),
    "tiff with 2 pages": saved(upright(), "TIFF", **then(upright())),
    "apng": saved(upright(), "PNG", **then(upright())),
    "rgba png": saved(see_through(), "PNG"),
    "rgba tiff": saved(see_through(), "TIFF"),
    "rgba webp": saved(see_through(), "WEBP", lossless=True),
    "palette png, transparent": saved(palette(True), "PNG"),
    "gif, transparent": saved(palette(True), "GIF"),
    "rgb png with a transparent colour": saved(upright(), "PNG", transparency=(20, 20, 210)),
}
"""Lossless kinds that show the colours of `upright`; the last one has white for blue."""

LOSSY = {
    "jpeg": saved(upright(), "JPEG", quality=95),
    "progressive jpeg": saved(upright(), "JPEG", progressive=True),
    "cmyk jpeg": saved(upright().convert("CMYK"), "JPEG", quality=95),
    "webp lossy": saved(upright(), "WEBP"),
    "mpo": saved(upright(), "MPO", quality=95, save_all=True, append_images=[upright()]),
    "cmyk tiff": saved(upright().convert("CMYK"), "TIFF"),
}
"""Kinds that come close to them."""

GREYS = {
    "grey jpeg": saved(GREY, "JPEG"),
    "grey png": saved(GREY, "PNG"),
    "1-bit png": saved(upright().convert("1"), "PNG"),
    "la png": saved(see_through().convert("LA"), "PNG"),
    "16-bit png": saved(GREY16, "PNG"),
    "16-bit tiff": saved(GREY16, "TIFF"),
    "float tiff": saved(Image.fromarray(ramp() / np.float32(65_535)), "TIFF"),
    "32-bit tiff": saved(Image.fromarray(ramp().astype(np.int32)), "TIFF"),
}

KINDS = COLOUR | LOSSY | GREYS | {f"exif {number}": oriented(number, "JPEG", quality=95) for number in range(1, 9)}
