"""The same asymmetric test image in many file formats and colour modes."""

import io

import cv2
import numpy as np
from PIL import Image
from pillow_heif import register_heif_opener

register_heif_opener()

WIDTH, HEIGHT = 96, 64


def upright() -> Image.Image:
    """An RGB image of four uniform quarters: red, green, blue, white."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = 230, 20, 20
    pixels[: HEIGHT // 2, WIDTH // 2 :] = 20, 200, 20
    pixels[HEIGHT // 2 :, : WIDTH // 2] = 20, 20, 210
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = 255
    return Image.fromarray(pixels)


def transparent() -> Image.Image:
    """The same image, but its white quarter is transparent black."""
    image = upright().convert("RGBA")
    image.paste((0, 0, 0, 0), (WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT))
    return image


def ramp() -> np.ndarray:
    """A (HEIGHT, WIDTH) uint16 grey gradient from black on the left to white on the right."""
    return np.tile(np.linspace(0, 65_535, WIDTH).round().astype(np.uint16), (HEIGHT, 1))


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def encoded_array(values: np.ndarray, suffix: str) -> bytes:
    """Encode (H, W, 3) RGB or (H, W, 4) RGBA values of any depth, which Pillow cannot write."""
    order = [2, 1, 0, 3][: values.shape[2]]
    return cv2.imencode(suffix, np.ascontiguousarray(values[..., order]))[1].tobytes()


def with_palette(transparency: bool = False) -> Image.Image:
    image = upright().quantize(8)
    if transparency:
        image.info["transparency"] = image.getpixel((WIDTH - 1, HEIGHT - 1))
    return image


def second_frame(first: Image.Image) -> dict[str, object]:
    """Options that save a black image as a second frame."""
    return {"save_all": True, "append_images": [Image.new(first.mode, first.size)], "duration": 100}


def oriented(number: int, file_format: str, **options: object) -> bytes:
    """Encode the image rotated or mirrored, with the EXIF orientation that makes it upright again."""
    transposition = {
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
    image = upright().transpose(transposition[number]) if number in transposition else upright()
    return encoded(image, file_format, exif=exif, **options)


GREY, GREY16 = upright().convert("L"), Image.fromarray(ramp())

COLOUR = {
    "png": encoded(upright(), "PNG"),
    "bmp": encoded(upright(), "BMP"),
    "tiff": encoded(upright(), "TIFF"),
    "tiff lzw": encoded(upright(), "TIFF", compression="tiff_lzw"),
    "gif": encoded(upright(), "GIF"),
    "webp": encoded(upright(), "WEBP", lossless=True),
    "16-bit rgb png": encoded_array(np.asarray(upright()) * np.uint16(257), ".png"),
    "16-bit rgb tiff": encoded_array(np.asarray(upright()) * np.uint16(257), ".tiff"),
    "16-bit rgba png": encoded_array(np.asarray(transparent()) * np.uint16(257), ".png"),
    "palette png": encoded(with_palette(), "PNG"),
    "palette gif with 2 frames": encoded(with_palette(), "GIF", **second_frame(with_palette())),
    "webp with 2 frames": encoded(upright(), "WEBP", lossless=True, **second_frame(upright())),
    "tiff with 2 pages": encoded(upright(), "TIFF", **second_frame(upright())),
    "apng": encoded(upright(), "PNG", **second_frame(upright())),
    "rgba png": encoded(transparent(), "PNG"),
    "rgba tiff": encoded(transparent(), "TIFF"),
    "rgba webp": encoded(transparent(), "WEBP", lossless=True),
    "palette png, transparent": encoded(with_palette(True), "PNG"),
    "gif, transparent": encoded(with_palette(True), "GIF"),
    "rgb png with a transparent colour": encoded(upright(), "PNG", transparency=(20, 20, 210)),
}
"""Lossless files with exactly the colours of `upright`; in the last one blue is transparent."""

LOSSY = {
    "jpeg": encoded(upright(), "JPEG", quality=95),
    "progressive jpeg": encoded(upright(), "JPEG", progressive=True),
    "cmyk jpeg": encoded(upright().convert("CMYK"), "JPEG", quality=95),
    "webp lossy": encoded(upright(), "WEBP"),
    "heic": encoded(upright(), "HEIF", quality=95),
    "avif": encoded(upright(), "AVIF", quality=95),
    "mpo": encoded(upright(), "MPO", quality=95, save_all=True, append_images=[upright()]),
    "cmyk tiff": encoded(upright().convert("CMYK"), "TIFF"),
}
"""Files with approximately the colours of `upright`."""

GREYS = {
    "grey jpeg": encoded(GREY, "JPEG"),
    "grey png": encoded(GREY, "PNG"),
    "1-bit png": encoded(upright().convert("1"), "PNG"),
    "la png": encoded(transparent().convert("LA"), "PNG"),
    "16-bit png": encoded(GREY16, "PNG"),
    "16-bit tiff": encoded(GREY16, "TIFF"),
    "float tiff": encoded(Image.fromarray(ramp() / np.float32(65_535)), "TIFF"),
    "32-bit tiff": encoded(Image.fromarray(ramp().astype(np.int32)), "TIFF"),
}

KINDS = COLOUR | LOSSY | GREYS | {f"exif {number}": oriented(number, "JPEG", quality=95) for number in range(1, 9)}
