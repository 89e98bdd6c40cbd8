"""Reads the entries of a ZIP archive; refuses archives that are damaged, disguised or decompression bombs."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import zip_longest
from typing import BinaryIO

from core.data.uploads.archive_kinds import expect_zip
from core.data.uploads.entries import Entry
from core.data.uploads.limits import UploadLimits, as_upload_errors, quoted, upload_error
from core.data.uploads.name_encoding import decode_name

_UTF8 = 0x800
_UNICODE_PATH = 0x7075
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_LOCAL_HEADER_BYTES = 30


@contextmanager
def open_archive(stream: BinaryIO, name: str) -> Iterator[zipfile.ZipFile]:
    """Open the stream as a ZIP archive; raises UploadError if it is none or if its entries overlap."""
    with as_upload_errors(name):
        expect_zip(stream, name)
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


def undeclared_names(archive: zipfile.ZipFile) -> list[bytes]:
    """Names of the entries whose encoding the archive does not say, as bytes; none that are plain ASCII."""
    found = (_undeclared(info) for info in archive.infolist())
    return [name for name in found if name]


def zip_entries(archive: zipfile.ZipFile, limits: UploadLimits, encoding: str) -> Iterator[Entry]:
    """Yield the archive's entries, including folders. `encoding` decodes names whose encoding the archive does not say.

    Raises UploadError at the first entry that is not a plain file or folder.
    """
    _check_ratio(archive.infolist(), limits)
    for info in archive.infolist():
        _check_kind(info)
        yield Entry(_name(info, encoding), info.file_size, partial(archive.open, info))


def _name(info: zipfile.ZipInfo, encoding: str) -> str:
    """Return the name as stored: ZipFile cuts `filename` at a NUL byte and, on Windows, replaces its backslashes."""
    undeclared = _undeclared(info)
    return decode_name(undeclared, encoding) if undeclared else _unicode_path(info) or info.orig_filename


def _undeclared(info: zipfile.ZipInfo) -> bytes:
    """The name's bytes if it has characters in an unknown encoding, which ZipFile decodes as code page 437."""
    if info.flag_bits & _UTF8 or info.orig_filename.isascii() or _unicode_path(info):
        return b""
    return info.orig_filename.encode("cp437")


def _unicode_path(info: zipfile.ZipInfo) -> str:
    """The UTF-8 name that Info-ZIP, 7-Zip and WinRAR store besides one in another encoding; "" if there is none."""
    if info.flag_bits & _UTF8:
        return ""
    extra, stored = info.extra, info.orig_filename.encode("cp437")
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and field[:1] == b"\1" and field[1:5] == struct.pack("<I", zlib.crc32(stored)):
            return field[5:].decode(errors="replace")
    return ""


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
