"""What a visitor drops becomes a class-per-folder directory on disk, or is refused with nothing left behind.

A zip archive and a dropped folder take the same road. Each becomes a list of entries (a name, a size, a way to open
it). All names are judged before the first byte is written. Then the files are copied into a hidden staging folder,
every byte counted, and one rename puts the finished folder in place. So a folder without a dot in front is always
complete, and two visitors who drop the same thing at once both get the same folder.
"""

import errno
import hashlib
import io
import re
import shutil
import stat
import struct
import tempfile
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import islice, takewhile, zip_longest
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from core.data import places

Progress = Callable[[int, int], None]
"""Called after each file with (files stored, files in all)."""

Parts = tuple[str, ...]

_CHUNK = 1 << 20
_DAY = 24 * 3600
_STAGING = ".staging-"
_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif"})
_MODELS = frozenset({".keras", ".h5", ".hdf5"})
_ARCHIVES = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})
# Control characters and lone surrogates have no place in a name; a backslash or a colon (drive letter, NTFS stream)
# means one thing on Windows and another elsewhere, so neither is accepted anywhere.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\:]")
_UTF8 = 0x800
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_CENTRAL_HEADER = b"PK\x01\x02"
_LOCAL_HEADER_BYTES = 30
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class UploadError(ValueError):
    """An upload that is refused: the message names the entry, the cause and what to do."""


@dataclass(frozen=True)
class UploadLimits:
    """How much one upload may bring; sizes in bytes."""

    entries: int = 100_000
    total_bytes: int = 20 * 10**9
    file_bytes: int = 200 * 10**6
    ratio: int = 200
    """Unpacked size over packed size, for entries larger than `ratio_from` unpacked."""
    ratio_from: int = 10**6
    path_bytes: int = 512
    name_bytes: int = 255


@dataclass(frozen=True)
class _Entry:
    """One file on its way in; `size` is what its source claims, None where it claims nothing."""

    name: str
    size: int | None
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def unpack_zip(
    archive: BinaryIO | Path,
    name: str,
    into: Path | None = None,
    limits: UploadLimits | None = None,
    progress: Progress | None = None,
) -> Path:
    """Unpack a zip of class folders and return the new folder, `into/<slug of name>-<12 hex digits of its SHA-256>`.

    The same archive again returns the same folder without unpacking. A folder around all class folders is left out;
    hidden files and what operating systems add are skipped. `into` is by default the program's own uploads folder.

    Raises UploadError for anything but a sound, harmless zip within `limits`; nothing is left on disk then.
    """
    limits, into = limits or UploadLimits(), into or places.home() / "uploads"
    if PurePosixPath(name.lower()).suffix in _MODELS:
        raise _refusal("a zip of class folders", f"the model file {_shown(name)}", "drop images, not models")
    with _source(archive) as stream:
        final = into / f"{slug(name)}-{_fingerprint(stream, name, limits)[:12]}"
        if final.is_dir():
            return final
        with _opened(stream, name) as opened, _staging(into) as staging:
            _write(_plan(_zip_entries(opened, limits), limits), staging, limits, progress)
            return _settle(staging, final)


def store_files(
    files: Iterable[tuple[str, BinaryIO]],
    name: str,
    into: Path | None = None,
    limits: UploadLimits | None = None,
    progress: Progress | None = None,
) -> Path:
    """Store a dropped folder, given as relative names and streams, and return the new folder.

    It is named like that of `unpack_zip`, by the paths and contents stored, so the same files in any order return the
    same folder. Streams are read from their start where they can seek, and left open.

    Raises UploadError for names, sizes or duplicates that are refused; nothing is left on disk then.
    """
    limits, into = limits or UploadLimits(), into or places.home() / "uploads"
    plan = _plan((_stream_entry(path, stream) for path, stream in files), limits)
    with _staging(into) as staging:
        digest = _write(plan, staging, limits, progress)
        return _settle(staging, into / f"{slug(name)}-{digest[:12]}")


def slug(name: str) -> str:
    """The name as 1 to 40 lower-case ASCII letters, digits and single dashes; accents dropped, `.zip` too."""
    bare = re.sub(r"\.zip$", "", name.strip(), flags=re.IGNORECASE)
    ascii_only = unicodedata.normalize("NFKD", bare).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:40].strip("-") or "upload"


# From a source to entries


def _source(archive: BinaryIO | Path) -> AbstractContextManager[BinaryIO]:
    """The archive as a stream: a path is opened and closed again, a stream stays its owner's."""
    if not isinstance(archive, Path):
        return nullcontext(archive)
    with _refusing(archive.name):
        return archive.open("rb")


def _fingerprint(stream: BinaryIO, name: str, limits: UploadLimits) -> str:
    """The archive's SHA-256; raises UploadError where it holds too many entries.

    Entries are counted here, by their headers' signature, because ZipFile builds an object for each one before anyone
    can ask how many there are: a small archive of millions would fill the memory.
    """
    digest, entries, tail = hashlib.sha256(), 0, b""
    with _refusing(name):
        stream.seek(0)
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            entries += (tail + chunk).count(_CENTRAL_HEADER)
            tail = (tail + chunk)[-3:]
    if entries > limits.entries:
        raise _refusal(f"at most {limits.entries:,} entries", f"{entries:,} in {_shown(name)}", "split the data set")
    return digest.hexdigest()


@contextmanager
def _opened(stream: BinaryIO, name: str) -> Iterator[zipfile.ZipFile]:
    """The stream as a zip archive whose entries do not overlap; raises UploadError where it is none."""
    with _refusing(name):
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
            cause = f"{_shown(info.orig_filename)}, whose data runs into another entry or past the end"
            raise _refusal("entries that each have their own data", cause, "make the zip again")


def _zip_entries(archive: zipfile.ZipFile, limits: UploadLimits) -> Iterator[_Entry]:
    """The archive's entries, folders among them; raises UploadError at the first that is not a plain file or folder."""
    for info in archive.infolist():
        _check_kind(info)
        _check_ratio(info, limits)
        yield _Entry(_sent_name(info), info.file_size, lambda info=info: archive.open(info))


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
    shown, advice = _shown(info.orig_filename), "make the zip again from plain files"
    allowed = (0, stat.S_IFDIR if info.orig_filename.endswith("/") else stat.S_IFREG)
    if stat.S_IFMT(info.external_attr >> 16) not in allowed:
        raise _refusal("plain files and folders", f"{shown}, a symbolic link or special entry", advice)
    if info.flag_bits & _ENCRYPTED:
        raise _refusal("an open archive", f"{shown}, which is encrypted", "make the zip again without a password")
    # bzip2 and LZMA are left out on purpose: Python unpacks a whole chunk of them at once, whatever it grows to.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = zipfile.compressor_names.get(info.compress_type, str(info.compress_type))
        raise _refusal("entries stored or deflated", f"{shown}, packed with {method}", "make an ordinary zip")


def _check_ratio(info: zipfile.ZipInfo, limits: UploadLimits) -> None:
    """Raise UploadError for an entry that unpacks to far more than any picture would."""
    if info.file_size > limits.ratio_from and info.file_size > limits.ratio * info.compress_size:
        grown = f"{_shown(info.orig_filename)}, {info.compress_size:,} bytes that unpack to {info.file_size:,}"
        raise _refusal(f"entries packed at most {limits.ratio}:1", grown, "leave that file out")


def _stream_entry(name: str, stream: BinaryIO) -> _Entry:
    """A dropped file as an entry; its size is unknown until it is read."""
    return _Entry(name, None, lambda: nullcontext(_rewound(stream)))


def _rewound(stream: BinaryIO) -> BinaryIO:
    """The stream at its start: a page that reruns hands over the same one, already read to its end."""
    if stream.seekable():
        stream.seek(0)
    return stream


# Which entries are taken, and under which path


def _plan(entries: Iterable[_Entry], limits: UploadLimits) -> list[tuple[Parts, _Entry]]:
    """Every file to store with its path, all of them judged; raises UploadError at the first that is refused."""
    plan: list[tuple[Parts, _Entry]] = []
    taken: dict[Parts, tuple[Parts, bool]] = {}
    for number, entry in enumerate(islice(entries, limits.entries + 1), start=1):
        if number > limits.entries:
            raise _refusal(f"at most {limits.entries:,} entries", "more", "split the data set")
        parts = _parts(entry.name, limits)
        if not entry.name.endswith("/") and not _is_litter(parts):
            _check_file(parts, entry, limits)
            _claim(parts, entry.name, taken)
            plan.append((parts, entry))
    _check_total(plan, limits)
    return _unwrapped(plan)


def _parts(name: str, limits: UploadLimits) -> Parts:
    """The name's parts in Unicode's composed form; raises UploadError for a name that could leave the folder."""
    name = unicodedata.normalize("NFC", name)
    parts = tuple(part for part in name.removesuffix("/").split("/") if part != ".")
    if name.startswith("/"):
        raise _refusal("relative names", f"the absolute name {_shown(name)}", "make the upload again from its folder")
    if found := _FORBIDDEN.search(name):
        raise _refusal("names without \\, : or control characters", f"{found[0]!r} in {_shown(name)}", "rename it")
    # Windows drops dots and spaces at a name's end, so ".. " is ".." there.
    if any(not part.strip(". ") for part in parts):
        raise _refusal("names that stay inside the upload", _shown(name), "rename it, without '..' or empty parts")
    _check_length(name, parts, limits)
    return parts


def _check_length(name: str, parts: Parts, limits: UploadLimits) -> None:
    """Raise UploadError for a path, or a part of one, that some file system could not hold."""
    if len(name.encode()) > limits.path_bytes:
        raise _refusal(f"paths of at most {limits.path_bytes} bytes", f"{_shown(name)}, a longer one", "shorten it")
    if any(len(part.encode()) > limits.name_bytes for part in parts):
        raise _refusal(f"names of at most {limits.name_bytes} bytes", f"{_shown(name)}, a longer one", "shorten it")


def _is_litter(parts: Parts) -> bool:
    """Whether the file is nameless, hidden or added by an operating system; such a file is skipped, not refused."""
    return not parts or any(part.startswith(".") or part.lower() in _LITTER for part in parts)


def _check_file(parts: Parts, entry: _Entry, limits: UploadLimits) -> None:
    """Raise UploadError for an archive or model inside the upload, and for a file that says it is too large."""
    suffix = PurePosixPath(parts[-1].lower()).suffix
    if suffix in _ARCHIVES:
        raise _refusal("images", f"{_shown(entry.name)}, an archive inside the upload", "unpack it before you zip")
    if suffix in _MODELS:
        raise _refusal("images", f"{_shown(entry.name)}, a model file", "leave it out")
    if entry.size is not None and entry.size > limits.file_bytes:
        raise _too_large(entry, limits)


def _claim(parts: Parts, name: str, taken: dict[Parts, tuple[Parts, bool]]) -> None:
    """Take the path and its folders; raises UploadError where another name would be the same on some file system."""
    for depth in range(1, len(parts) + 1):
        mine = (parts[:depth], depth == len(parts))
        theirs = taken.setdefault(tuple(_folded(part) for part in parts[:depth]), mine)
        if theirs is not mine and (theirs != mine or mine[1]):
            clash = f"{_shown(name)} beside {_shown('/'.join(theirs[0]))}"
            raise _refusal("names that differ by more than case, on every file system", clash, "rename one of them")


def _folded(part: str) -> str:
    """The part as the least careful file system would compare it."""
    return unicodedata.normalize("NFC", part.casefold()).rstrip(". ")


def _check_total(plan: Sequence[tuple[Parts, _Entry]], limits: UploadLimits) -> None:
    """Raise UploadError for an upload without a file, and for one that says it is too large."""
    total = sum(entry.size or 0 for _, entry in plan)
    if not plan:
        raise _refusal("a folder of images for each class", "no file at all", "choose the folder above the classes")
    if total > limits.total_bytes:
        raise _refusal(f"at most {limits.total_bytes:,} bytes in all", f"{total:,}", "split the data set")


def _unwrapped(plan: list[tuple[Parts, _Entry]]) -> list[tuple[Parts, _Entry]]:
    """The plan without the folders that wrap all classes (`data/glass/1.jpg` becomes `glass/1.jpg`).

    A shared folder that holds pictures itself is no wrapper but the only class, and stays.
    """
    levels = zip(*(parts[:-1] for parts, _ in plan), strict=False)
    shared = tuple(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))
    is_class = any(parts[:-1] == shared and PurePosixPath(parts[-1].lower()).suffix in _PICTURES for parts, _ in plan)
    depth = max(0, len(shared) - is_class)
    return [(parts[depth:], entry) for parts, entry in plan]


# From entries to a folder


@contextmanager
def _staging(into: Path) -> Iterator[Path]:
    """A fresh hidden folder in `into`; what is still in it at the end is removed."""
    with _refusing(into.name):
        into.mkdir(parents=True, exist_ok=True)
        _sweep(into)
        folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=into))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(into: Path) -> None:
    """Remove staging folders older than a day: their process was killed before it could."""
    for left in into.glob(f"{_STAGING}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left)


def _write(plan: Sequence[tuple[Parts, _Entry]], staging: Path, limits: UploadLimits, progress: Progress | None) -> str:
    """Copy every entry to its path below `staging` and return the SHA-256 of all paths and contents.

    Raises UploadError where sources hold more than `limits`, or the disk less than they bring.
    """
    _check_room(plan, staging)
    written, lines = 0, []
    for number, (parts, entry) in enumerate(plan, start=1):
        with _refusing(entry.name):
            size, digest = _copy(entry, staging.joinpath(*parts), limits, limits.total_bytes - written)
        written += size
        lines.append(f"{digest} {'/'.join(parts)}")
        if progress:
            progress(number, len(plan))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _check_room(plan: Sequence[tuple[Parts, _Entry]], staging: Path) -> None:
    """Raise UploadError before the disk is filled: trainings write to it at the same time."""
    needed, free = sum(entry.size or 0 for _, entry in plan), shutil.disk_usage(staging).free
    if needed > free:
        raise _refusal(f"{needed:,} bytes free", f"disk full, {free:,} bytes free", "free some space and try again")


def _copy(entry: _Entry, target: Path, limits: UploadLimits, left: int) -> tuple[int, str]:
    """Copy one entry and return its size and SHA-256; bytes are counted as they come, whatever its header says."""
    size, digest = 0, hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with entry.open() as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > min(limits.file_bytes, left):
                raise _too_large(entry, limits)
            digest.update(chunk)
            sink.write(chunk)
    if entry.size not in (None, size):
        raise _refusal(f"{entry.size:,} bytes in {_shown(entry.name)}", f"{size:,}", "make the zip again")
    return size, digest.hexdigest()


def _settle(staging: Path, final: Path) -> Path:
    """Rename the finished folder into place and return it; where another upload was first, its folder stands."""
    with _refusing(final.name):
        try:
            staging.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    return final


# Refusals


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn what disks and damaged archives raise into an UploadError that names the entry."""
    try:
        yield
    except UploadError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _refusal(f"room for {_shown(name)}", "disk full", "free some space and try again") from error
        cause = error.strerror or str(error)
        raise _refusal(f"to read and store {_shown(name)}", cause, "check the file and the uploads folder") from error
    except _DAMAGED as error:
        raise _refusal("a sound zip", f"damage at {_shown(name)} ({error})", "make the zip again") from error


def _refusal(expected: str, received: str, advice: str) -> UploadError:
    """The error with the project's three-part message."""
    return UploadError(f"Expected {expected}; received {received}; {advice}.")


def _too_large(entry: _Entry, limits: UploadLimits) -> UploadError:
    """The error for a file, or with it the whole upload, over its limit."""
    allowed = f"at most {limits.file_bytes:,} bytes a file and {limits.total_bytes:,} in all"
    return _refusal(allowed, f"more, at {_shown(entry.name)}", "leave it out or split the data set")


def _shown(name: str) -> str:
    """The name for a message: quoted, its control and direction characters escaped, of bounded length."""
    return repr(name if len(name) <= 80 else f"{name[:40]}…{name[-39:]}")
