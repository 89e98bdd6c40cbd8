"""A zip archive's entries, or a refusal of one that is damaged, disguised or made to unpack without end."""

import io
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import BinaryIO

from core.data.uploads.entries import Entry
from core.data.uploads.limits import UploadLimits, refusal, refusing, shown

_UTF8 = 0x800
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_LOCAL_HEADER_BYTES = 30


@contextmanager
def opened(stream: BinaryIO, name: str) -> Iterator[zipfile.ZipFile]:
    """The stream as a zip archive whose entries do not overlap; raises UploadError where it is none."""
    with refusing(name):
        archive = zipfile.ZipFile(stream)
        length = stream.seek(0, io.SEEK_END)
    with archive:
        _check_overlap(archive.infolist(), length)
        yield archive


def _check_overlap(infos: Sequence[zipfile.ZipInfo], length: int) -> None:
    """Raise UploadError where two entries share packed bytes: how a few kilobytes are made to unpack to terabytes."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for info, following in zip_longest(ordered, ordered[1:]):
        end = following.header_offset if following else length
        if info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > end:
            cause = f"{shown(info.orig_filename)}, whose data runs into another entry or past the end"
            raise refusal("entries that each have their own data", cause, "make the zip again")


def zip_entries(archive: zipfile.ZipFile, limits: UploadLimits) -> Iterator[Entry]:
    """The archive's entries, folders among them; raises UploadError at the first that is not a plain file or folder."""
    for info in archive.infolist():
        _check_kind(info)
        _check_ratio(info, limits)
        yield Entry(_sent_name(info), info.file_size, lambda info=info: archive.open(info))


def _sent_name(info: zipfile.ZipInfo) -> str:
    """The name as it was sent: `filename` is already cut at a NUL byte and, on Windows, rid of its backslashes.

    macOS and Info-ZIP write UTF-8 without the flag that says so, which ZipFile then reads as code page 437. What is
    valid UTF-8 is taken for it: other text hardly ever is.
    """
    if info.flag_bits & _UTF8:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _check_kind(info: zipfile.ZipInfo) -> None:
    """Raise UploadError for links, devices, encrypted entries and packing methods other than stored and deflated."""
    entry, advice = shown(info.orig_filename), "make the zip again from plain files"
    allowed = (0, stat.S_IFDIR if info.orig_filename.endswith("/") else stat.S_IFREG)
    if stat.S_IFMT(info.external_attr >> 16) not in allowed:
        raise refusal("plain files and folders", f"{entry}, a symbolic link or special entry", advice)
    if info.flag_bits & _ENCRYPTED:
        raise refusal("an open archive", f"{entry}, which is encrypted", "make the zip again without a password")
    # bzip2 and LZMA are left out on purpose: Python unpacks a whole chunk of them at once, whatever it grows to.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = zipfile.compressor_names.get(info.compress_type, str(info.compress_type))
        raise refusal("entries stored or deflated", f"{entry}, packed with {method}", "make an ordinary zip")


def _check_ratio(info: zipfile.ZipInfo, limits: UploadLimits) -> None:
    """Raise UploadError for an entry that unpacks to far more than any picture would."""
    if info.file_size > limits.ratio_from and info.file_size > limits.ratio * info.compress_size:
        grown = f"{shown(info.orig_filename)}, {info.compress_size:,} bytes that unpack to {info.file_size:,}"
        raise refusal(f"entries packed at most {limits.ratio}:1", grown, "leave that file out")
