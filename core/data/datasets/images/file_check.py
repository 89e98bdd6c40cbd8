"""Check files when they are first read: name what is not an image, and find damage that decoders pass over."""

import io
import re
from typing import BinaryIO

import numpy as np
import simplejpeg
from PIL import Image

from core.data.datasets.images.decode import Levels, UnreadableImage, decode_and_measure, open_image, upright

_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_SCAN = b"\xda"  # of the marker where a JPEG's pixels begin
_COLOURS = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # by Pillow's mode
_DAMAGE = ("Corrupt JPEG data", "Premature end", "Inconsistent")
"""Beginnings of libjpeg's warnings about lost image data."""

_BYTES_BEFORE_END = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")

_SIGNATURES = {
    b"\x89HDF\r\n\x1a\n": "a model or data file (HDF5), not an image",
    b"PK\x03\x04": "an archive or a model, not an image",
    b"Rar!": "an archive (RAR), not an image",
    b"7z\xbc\xaf\x27\x1c": "an archive (7-Zip), not an image",
    b"\x1f\x8b": "an archive (gzip), not an image",
    b"%PDF": "a PDF, not an image: save its pages as JPEG or PNG",
    b"%!PS": "a PostScript drawing, not a photo: save it as JPEG or PNG",
    b"8BPS": "a Photoshop file: save it as JPEG or PNG",
    b"FUJIFILMCCD-RAW": "a raw photo: save it as JPEG or PNG",
    b"II*\0\x10\0\0\0CR": "a raw photo: save it as JPEG or PNG",
    b"\xff\x0a": "a JPEG XL image, which is not supported: save it as JPEG or PNG",
    b"\0\0\0\x0cJXL ": "a JPEG XL image, which is not supported: save it as JPEG or PNG",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 image, which is not supported: save it as JPEG or PNG",
    b"\x1aE\xdf\xa3": "a video, not an image",
}
_MARKUP = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<svg")
_VAGUE = ("damaged: ", "not an image")
"""Beginnings of decoders' reasons that are more helpful with the kind of the file; others are exact."""

_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}


def check_header(stream: BinaryIO) -> tuple[int, int]:
    """Read the width and height of an image; name a file that is none by its first bytes. Raises `UnreadableImage`."""
    stream.seek(0)
    start = stream.read(512)
    if reason := _other_file_type(start):
        raise UnreadableImage(reason)
    try:
        return open_image(stream).size
    except UnreadableImage as error:
        raise _undecodable(start, error) from error.__cause__


def check_and_decode(content: bytes, min_size: int) -> tuple[Image.Image, Levels | None]:
    """Check the header, so that files that are not images are named, and decode. Raises `UnreadableImage`."""
    check_header(io.BytesIO(content))
    return decode_checked(content, min_size)


def decode_checked(content: bytes, min_size: int) -> tuple[Image.Image, Levels | None]:
    """Decode like `decode_and_measure`, after `check_header`, but refuse a JPEG with damaged data.

    Raises `UnreadableImage`.
    """
    try:
        jpeg = _decode_jpeg(content, 2 * min_size) if content.startswith(_JPEG_START) else None
        return (jpeg, None) if jpeg else decode_and_measure(content, min_size)
    except UnreadableImage as error:
        raise _undecodable(content, error) from error.__cause__


def _decode_jpeg(content: bytes, min_side: int) -> Image.Image | None:
    """Decode a JPEG to at least `min_side` pixels per side; None if Pillow has to decode it.

    Raises `UnreadableImage` if libjpeg warns that image data are lost. Pillow and OpenCV show no warnings.
    """
    header = open_image(content)
    colours = _COLOURS.get(header.mode, "RGB")
    pixels = _pixels_or_damage(content, colours, min_side)
    if pixels is None or colours == "CMYK":
        return None
    image = Image.fromarray(pixels[..., 0] if colours == "GRAY" else pixels)
    return upright(image, header).convert("RGB")


def _pixels_or_damage(content: bytes, colours: str, min_side: int) -> np.ndarray | None:
    try:
        pixels: np.ndarray = simplejpeg.decode_jpeg(content, colours, min_height=min_side, min_width=min_side)
        return pixels
    except ValueError as error:
        warning = str(error)
    if warning.startswith(_DAMAGE) and not _is_padding(content, warning):
        raise UnreadableImage(f"damaged: a part of its image data is missing or overwritten ({warning})")
    return None


def _is_padding(content: bytes, warning: str) -> bool:
    """Whether the warning is about fill bytes before the end marker, which some cameras write."""
    found, end = _BYTES_BEFORE_END.match(warning), _end_marker(content)
    return found is not None and end >= 0 and set(content[end - int(found[1]) : end]) <= {0x00, 0xFF}


def _end_marker(content: bytes) -> int:
    """Return the position of the end marker of a JPEG's first image, -1 if it has none.

    Segments before the pixels may contain a thumbnail with an end marker of its own. After the first image, phones
    append others (MPO), such as a second view or a map of brightness.
    """
    position = 2
    while content[position + 1 : position + 2] not in (_SCAN, b""):
        position += 2 + int.from_bytes(content[position + 2 : position + 4])
    return content.find(_JPEG_END, position)


def is_markup(start: bytes) -> bool:
    """Whether a file with these first bytes is a web page or another text in HTML or XML."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP)


def _other_file_type(start: bytes) -> str:
    """Identify a file that is not an image by its first bytes; returns "" if they match no known signature."""
    if not start:
        return "an empty file"
    if not any(start):
        return "only zeros: the file was not copied completely"
    if is_markup(start):
        return "a web page or drawing (HTML, XML), not a photo"
    if start[4:8] == b"ftyp" and start[8:12] not in _HEIF:
        return "a video, not an image"
    return next((reason for signature, reason in _SIGNATURES.items() if start.startswith(signature)), "")


def _undecodable(start: bytes, error: UnreadableImage) -> UnreadableImage:
    """Return an error that names the kind of a HEIC, AVIF or TIFF file if the given one only says "damaged"."""
    if not str(error).startswith(_VAGUE):
        return error
    if start.startswith((b"II*\0", b"MM\0*")):
        return UnreadableImage("damaged, or a kind of TIFF that is not read (float colours): save it as 8 or 16 bits")
    if start[4:8] != b"ftyp":
        return error
    name = "AVIF" if start[8:12] in (b"avif", b"avis") else "HEIC"
    return UnreadableImage(f"damaged, or a kind of {name} that cannot be decoded here: save it as JPEG or PNG")
