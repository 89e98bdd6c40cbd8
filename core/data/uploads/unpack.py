"""Stores an uploaded ZIP or folder as a directory with one sub-folder per class; a refused upload leaves no files.

A ZIP archive and a dropped folder are processed in the same way. Each is read as a list of entries (name, size,
function to open it). All names are checked before the first byte is written. The files are then copied into a hidden
staging folder, every byte counted, and one rename moves the complete folder to its final name. A folder without a
leading dot is therefore always complete, and two users who upload the same files at the same time get the same folder.
"""

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.data.datasets.layout.left_out import write_left_out
from core.data.uploads.entries import MODEL_SUFFIXES, Entry, UploadPlan, plan_entries
from core.data.uploads.entry_names import PathParts
from core.data.uploads.limits import (
    UploadError,
    UploadLimits,
    as_upload_errors,
    quoted,
    size_error,
    upload_error,
)
from core.data.uploads.name_encoding import ENCODINGS, likely_encodings
from core.data.uploads.staging import move_into_place, staging_folder
from core.data.uploads.zip_archive import open_archive, undeclared_names, zip_entries
from core.machine.paths import uploads_folder

__all__ = ["Progress", "UploadError", "UploadLimits", "slug", "store_files", "unpack_zip"]

Progress = Callable[[int, int], None]
"""Called after each file with (files stored, total number of files)."""

_CHUNK = 1 << 20
_CENTRAL_HEADER = b"PK\x01\x02"


def unpack_zip(
    archive: BinaryIO | Path,
    name: str,
    into: Path | None = None,
    limits: UploadLimits | None = None,
    progress: Progress | None = None,
    encoding: str = "",
) -> Path:
    """Unpack a ZIP of class folders and return the new folder, `into/<slug of name>-<12 hex digits of its SHA-256>`.

    An archive that was unpacked before is not unpacked again; its folder is returned. A folder that encloses all class
    folders is removed; hidden files and files added by operating systems are skipped. Files that cannot be used are
    left out and recorded (`read_left_out`). `into` defaults to the program's uploads folder. `encoding` decodes names
    whose encoding the archive does not say, by default the first of `name_choices`.

    Raises UploadError unless the file is a valid, harmless ZIP within `limits`; no files are then left on disk.
    """
    limits, into = limits or UploadLimits(), into or uploads_folder()
    if PurePosixPath(name.lower()).suffix in MODEL_SUFFIXES:
        raise upload_error("a ZIP of class folders", f"the model file {quoted(name)}", "upload images, not models")
    if encoding not in ("", *ENCODINGS):
        raise upload_error(f"an encoding of {', '.join(ENCODINGS)}", repr(encoding), "choose one of them")
    with as_stream(archive) as stream:
        digest = archive_hash(stream, name, limits)
        with open_archive(stream, name) as zip_file:
            encoding = encoding or likely_encodings(undeclared_names(zip_file))[0]
            if encoding != "utf-8":  # other names are another upload
                digest = hashlib.sha256(f"{digest} {encoding}".encode()).hexdigest()
            final = into / f"{slug(name)}-{digest[:12]}"
            if final.is_dir():
                return final
            plan = plan_entries(zip_entries(zip_file, limits, encoding), limits)
            with staging_folder(into) as staging:
                _write(plan, staging, limits, progress)
                return move_into_place(staging, final)


def store_files(
    files: Iterable[tuple[str, BinaryIO]],
    name: str,
    into: Path | None = None,
    limits: UploadLimits | None = None,
    progress: Progress | None = None,
) -> Path:
    """Store a dropped folder, given as relative names and streams, and return the new folder.

    Its name has the form used by `unpack_zip`, with a hash of the stored paths and contents: the same files in any
    order give the same folder. Seekable streams are read from their start; all streams are left open.

    Raises UploadError for names, sizes or duplicates that are refused; no files are then left on disk.
    """
    limits, into = limits or UploadLimits(), into or uploads_folder()
    plan = plan_entries((_stream_entry(path, stream) for path, stream in files), limits)
    with staging_folder(into) as staging:
        digest = _write(plan, staging, limits, progress)
        return move_into_place(staging, into / f"{slug(name)}-{digest[:12]}")


def slug(name: str) -> str:
    """Reduce a name to 1 to 40 lower-case ASCII letters, digits and single dashes, without accents and `.zip`."""
    bare = re.sub(r"\.zip$", "", name.strip(), flags=re.IGNORECASE)
    ascii_only = unicodedata.normalize("NFKD", bare).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:40].strip("-") or "upload"


def as_stream(archive: BinaryIO | Path) -> AbstractContextManager[BinaryIO]:
    """Return the archive as a context-managed stream: a path is opened and closed, a given stream is left open."""
    if not isinstance(archive, Path):
        return nullcontext(archive)
    with as_upload_errors(archive.name):
        return archive.open("rb")


def archive_hash(stream: BinaryIO, name: str, limits: UploadLimits) -> str:
    """Compute the archive's SHA-256; raises UploadError if it has too many entries.

    Entries are counted here, by the signature of their headers, because ZipFile creates an object for every entry when
    it opens the archive: a small archive with millions of entries would exhaust the memory.
    """
    digest, entries, tail = hashlib.sha256(), 0, b""
    with as_upload_errors(name):
        stream.seek(0)
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            entries += (tail + chunk).count(_CENTRAL_HEADER)
            tail = (tail + chunk)[-3:]
    if entries > limits.entries:
        raise upload_error(
            f"at most {limits.entries:,} entries", f"{entries:,} in {quoted(name)}", "split the data set"
        )
    return digest.hexdigest()


def _stream_entry(name: str, stream: BinaryIO) -> Entry:
    """Return a dropped file as an entry; its size is unknown until it is read."""
    return Entry(name, None, lambda: nullcontext(_rewind(stream)))


def _rewind(stream: BinaryIO) -> BinaryIO:
    """Move the stream to its start: a page that reruns passes the same stream, already read to its end."""
    if stream.seekable():
        stream.seek(0)
    return stream


def _write(plan: UploadPlan, staging: Path, limits: UploadLimits, progress: Progress | None) -> str:
    """Copy every entry to its path below `staging`, record those left out, and return the SHA-256 of all copied.

    Raises UploadError if the files exceed `limits` or the free space on the disk.
    """
    _check_free_space(plan.files, staging)
    written, lines = 0, []
    for number, (parts, entry) in enumerate(plan.files, start=1):
        with as_upload_errors(entry.name):
            size, digest = _copy(entry, staging.joinpath(*parts), limits, limits.total_bytes - written)
        written += size
        lines.append(f"{digest} {'/'.join(parts)}")
        if progress:
            progress(number, len(plan.files))
    with as_upload_errors(staging.name):
        write_left_out(staging, plan.left_out)
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _check_free_space(plan: Sequence[tuple[PathParts, Entry]], staging: Path) -> None:
    """Raise UploadError before the disk is filled: running trainings write to it too."""
    needed, free = sum(entry.size or 0 for _, entry in plan), shutil.disk_usage(staging).free
    if needed > free:
        raise upload_error(f"{needed:,} bytes free", f"disk full, {free:,} bytes free", "free some space and try again")


def _copy(entry: Entry, target: Path, limits: UploadLimits, remaining: int) -> tuple[int, str]:
    """Copy one entry and return its size and SHA-256; the bytes read are counted, since a header can be wrong."""
    size, digest = 0, hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with entry.open() as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > min(limits.file_bytes, remaining):
                raise size_error(entry.name, limits)
            digest.update(chunk)
            sink.write(chunk)
    if entry.size not in (None, size):
        raise upload_error(f"{entry.size:,} bytes in {quoted(entry.name)}", f"{size:,}", "create the ZIP again")
    return size, digest.hexdigest()
