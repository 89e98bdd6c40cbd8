"""Pictures that a visitor wants to know about: each looked at alone, so that a bad one spoils no other."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from core.data.datasets.decode import THREADS, UnreadableImage, decode, load_image
from core.data.datasets.thumbnails import SIDE, as_jpeg, shown_share
from core.data.uploads.entries import MODELS

Content = bytes | Path

_SIGNATURES = {
    b"\x89HDF\r\n\x1a\n": "a model or data file (HDF5), not a picture",
    b"PK\x03\x04": "an archive or a model, not a picture",
    b"%PDF": "a PDF, not a picture: save its pages as JPEG or PNG",
}
_WEB = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<svg")
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"}


@dataclass(frozen=True)
class UploadedImage:
    """A readable picture: what it is called, the SHA-256 of its content, and a small JPEG to look at.

    `share` of the JPEG's width is the picture, in its middle.
    """

    name: str
    hash: str
    share: float
    thumbnail: bytes


@dataclass(frozen=True)
class RefusedFile:
    """A file that is no picture, and why in a few words."""

    name: str
    reason: str


def read_uploads(files: Iterable[tuple[str, Content]]) -> Iterator[UploadedImage | RefusedFile]:
    """What each file of (name, content) is, in their order. Model files are refused without being opened."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(_receive, files)


def pixels_of(contents: Mapping[str, Content], size: int) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """By key, each picture as training reads it, (size, size, 3) uint8; of each that cannot be read the reason."""
    with ThreadPoolExecutor(THREADS) as pool:
        found = dict(zip(contents, pool.map(lambda content: _pixels(content, size), contents.values()), strict=True))
    return (
        {key: pixels for key, pixels in found.items() if not isinstance(pixels, str)},
        {key: reason for key, reason in found.items() if isinstance(reason, str)},
    )


def _receive(file: tuple[str, Content]) -> UploadedImage | RefusedFile:
    name, content = file
    try:
        _expect_no_model(name)
        read = read_content(content)
        image = _decoded(read)
        return UploadedImage(name, hashlib.sha256(read).hexdigest(), shown_share(image), as_jpeg(image))
    except UnreadableImage as error:
        return RefusedFile(name, str(error))


def _pixels(content: Content, size: int) -> np.ndarray | str:
    try:
        return load_image(read_content(content), size)
    except UnreadableImage as error:
        return str(error)


def read_content(content: Content) -> bytes:
    """The bytes of a picture, wherever they are. Raises `UnreadableImage`."""
    try:
        return content.read_bytes() if isinstance(content, Path) else content
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        raise UnreadableImage(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _expect_no_model(name: str) -> None:
    if PurePosixPath(name.lower()).suffix in MODELS:
        raise UnreadableImage("a model file, not a picture: models are trained here, not uploaded")


def _decoded(content: bytes) -> Image.Image:
    if reason := _other_kind(content[:512]):
        raise UnreadableImage(reason)
    return decode(content, at_least=SIDE)


def _other_kind(start: bytes) -> str:
    """What a file is instead of a picture, by its first bytes; empty where they do not tell."""
    if not start:
        return "an empty file"
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF:
        return "HEIC or AVIF, which is not read here: save it as JPEG or PNG"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB):
        return "a web page or drawing (HTML, XML), not a photo"
    return next((reason for signature, reason in _SIGNATURES.items() if start.startswith(signature)), "")
