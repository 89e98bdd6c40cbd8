"""Reads uploaded images one by one, so that an unreadable file does not affect the others."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from core.data.datasets.images.decode import NO_WHITES, THREADS, UnreadableImage, Whites, load_image
from core.data.datasets.images.file_check import check_and_decode
from core.data.datasets.images.thumbnails import SIDE, encode_thumbnail, thumbnail_width_fraction
from core.data.uploads.entries import MODEL_SUFFIXES

Content = bytes | Path


@dataclass(frozen=True)
class UploadedImage:
    """A readable image: its name, the SHA-256 of its content and a JPEG thumbnail.

    `share` is the part of the thumbnail's width that the image covers; the rest is grey at both sides. `is_deep`: it
    has more than 8 bits per channel, and the thumbnail is scaled by the image itself, not as for any model.
    """

    name: str
    hash: str
    share: float
    thumbnail: bytes
    is_deep: bool = False


@dataclass(frozen=True)
class RefusedFile:
    """A file that is not a readable image, with a short reason."""

    name: str
    reason: str


def read_uploads(files: Iterable[tuple[str, Content]]) -> Iterator[UploadedImage | RefusedFile]:
    """Read each file, given as (name, content), in order. Model files are refused without being opened."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(_read_upload, files)


def load_pixels(
    contents: Mapping[str, Content], size: int, whites: Whites | None = NO_WHITES
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Load images as in training, (size, size, 3) uint8, with the white values of the training images.

    Returns two dictionaries by key: the pixels of the readable images, and for the others why they cannot be read.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        results = dict(
            zip(contents, pool.map(lambda content: _load(content, size, whites), contents.values()), strict=True)
        )
    return (
        {key: pixels for key, pixels in results.items() if not isinstance(pixels, str)},
        {key: reason for key, reason in results.items() if isinstance(reason, str)},
    )


def _read_upload(file: tuple[str, Content]) -> UploadedImage | RefusedFile:
    name, source = file
    try:
        _refuse_model(name)
        content = read_content(source)
        image, levels = check_and_decode(content, SIDE)
        digest, share = hashlib.sha256(content).hexdigest(), thumbnail_width_fraction(image)
        return UploadedImage(name, digest, share, encode_thumbnail(image), levels is not None)
    except UnreadableImage as error:
        return RefusedFile(name, str(error))


def _load(content: Content, size: int, whites: Whites | None) -> np.ndarray | str:
    try:
        return load_image(read_content(content), size, whites)
    except UnreadableImage as error:
        return str(error)


def read_content(content: Content) -> bytes:
    """Return the bytes of an image, given as bytes or as a path. Raises `UnreadableImage`."""
    try:
        return content.read_bytes() if isinstance(content, Path) else content
    except (OSError, ValueError) as error:  # ValueError: the path contains a NUL character
        raise UnreadableImage(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _refuse_model(name: str) -> None:
    if PurePosixPath(name.lower()).suffix in MODEL_SUFFIXES:
        raise UnreadableImage("a model file, not an image: models are trained here, not uploaded")
