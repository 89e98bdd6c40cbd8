"""Content of a file of a data set: what a scan needs to know of it, or why it is refused."""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.data.datasets.images.decode import Levels, UnreadableImage
from core.data.datasets.images.file_check import check_header, decode_checked
from core.data.datasets.near_duplicates import grey_square
from core.data.datasets.scan_cache.file_stamp import FileStamp

_CHECK_SIZE = 32  # pixels: decoding this small reads all bytes of a file and is fast


@dataclass(frozen=True)
class ImageContent:
    """A readable image.

    Args:
        hash: SHA-256 of the file's content as hexadecimal.
        levels: range of its values if it has more than 8 bits per channel.
        grey: its `grey_square`, from which near-duplicates are found.
    """

    hash: str
    width: int
    height: int
    levels: Levels | None
    grey: bytes


@dataclass(frozen=True)
class Refusal:
    """The reason why a file is not used, in a few words."""

    reason: str


FileContent = ImageContent | Refusal


def read_content(path: Path) -> tuple[FileContent, FileStamp | None]:
    """Read a file; also return the stamp by which its content may be known again, None if it has to be read again.

    It has to be read again if it changed just before or while it was read, and if not its content but the disk or the
    memory is the reason of a refusal.
    """
    began = time.time()
    try:
        with path.open("rb") as stream:
            content, is_lasting = _content_of(stream)
            stamp = FileStamp.of(os.fstat(stream.fileno()))  # after reading: a change meanwhile makes it too young
    except OSError as error:
        return Refusal(str(error)), None
    return content, stamp if is_lasting and stamp.is_settled(began) else None


def _content_of(stream: BinaryIO) -> tuple[FileContent, bool]:
    """Return the content, and whether it follows from the file alone. The decoding is coarse but reads all bytes."""
    try:
        width, height = check_header(stream)
        stream.seek(0)
        content = stream.read()
        decoded, levels = decode_checked(content, _CHECK_SIZE)
    except UnreadableImage as error:
        return Refusal(str(error)), not _is_passing(error.__cause__)
    digest = hashlib.sha256(content).hexdigest()
    return ImageContent(digest, width, height, levels, grey_square(decoded)), True


def _is_passing(cause: BaseException | None) -> bool:
    """Whether the disk or the memory failed. Pillow's own `OSError`s about damaged files have no number."""
    return isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)
