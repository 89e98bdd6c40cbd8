"""Reads the entries of a ZIP archive; refuses archives that are damaged, disguised or decompression bombs."""

import io
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import zip_longest
from typing import BinaryIO

from core.data.uploads.entries import Entry
from core.data.uploads.limits import UploadLimits, as_upload_errors, quoted, upload_error

_UTF8 = 0x800
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_LOCAL_HEADER_BYTES = 30


@contextmanager
def open_archive(stream: BinaryIO, name: str) -> Iterator[zipfile.ZipFile]:
    """Open the stream as a ZIP archive; raises UploadError if it is none or if its entries overlap."""
    with as_upload_errors(name):
        archive = zipfile.ZipFile(stream)
        length = stream.seek(0, io.SEEK_END)
    with archive:
        _check_overlap(archive.infolist(), length)
        yield archive


def _check_overlap(infos: Sequence[zipfile.ZipInfo], length: int) -> None:
    """Raise UploadError if two entries share packed bytes: a bomb of a few kilobytes unpacks to terabytes that way."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for info, following in zip_longest(ordered, ordered[1:]):
        end = following.header_offset if following else length
        if info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > end:
            cause = f"{quoted(info.orig_filename)}, whose data runs into another entry or past the end"
            raise upload_error("entries with separate data", cause, "create the ZIP again")


def zip_entries(archive: zipfile.ZipFile, limits: UploadLimits) -> Iterator[Entry]:
    """Yield the archive's entries, including folders.

    Raises UploadError at the first entry that is not a plain file or folder.
    """
    _check_ratio(archive.infolist(), limits)
    for info in archive.infolist():
        _check_kind(info)
        yield Entry(_original_name(info), info.file_size, partial(archive.open, info))


def _original_name(info: zipfile.ZipInfo) -> str:
    """Return the name as stored: ZipFile cuts `filename` at a NUL byte and, on Windows, replaces its backslashes.

    macOS and Info-ZIP write UTF-8 without setting the UTF-8 flag; ZipFile then decodes the name as code page 437.
    A name that is valid UTF-8 is decoded as UTF-8, because text in another encoding hardly ever is.
    """
    if info.flag_bits & _UTF8:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _check_kind(info: zipfile.ZipInfo) -> None:
    """Raise UploadError for links, devices, encryption, and compression other than stored and deflated."""
    entry, advice = quoted(info.orig_filename), "create the ZIP again from plain files"
    allowed = (0, stat.S_IFDIR if info.orig_filename.endswith("/") else stat.S_IFREG)
    if stat.S_IFMT(info.external_attr >> 16) not in allowed:
        raise upload_error("plain files and folders", f"{entry}, a symbolic link or special entry", advice)
    if info.flag_bits & _ENCRYPTED:
        raise upload_error(
            "an unencrypted archive", f"{entry}, which is encrypted", "create the ZIP without a password"
        )
    # bzip2 and LZMA are refused: Python unpacks a whole chunk of them at once, however large the result is.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        names = zipfile.compressor_names  # type: ignore[attr-defined] # missing in typeshed
        method = names.get(info.compress_type, str(info.compress_type))
        raise upload_error("entries stored or deflated", f"{entry}, packed with {method}", "create an ordinary ZIP")


def _check_ratio(infos: Sequence[zipfile.ZipInfo], limits: UploadLimits) -> None:
    """Raise UploadError for a large archive whose compression ratio is far above that of images.

    Single images, such as black BMP files, are packed 1,000:1 and harmless.
    """
    packed, unpacked = sum(info.compress_size for info in infos), sum(info.file_size for info in infos)
    if unpacked > limits.ratio_from and unpacked > limits.ratio * packed:
        largest = max(infos, key=lambda info: info.file_size)
        sizes = f"{packed:,} bytes that unpack to {unpacked:,}; the largest file is {quoted(largest.orig_filename)}"
        raise upload_error(f"an archive packed at most {limits.ratio}:1", sizes, "leave out what is no photo")
