"""What a visitor drops becomes a class-per-folder directory on disk, or is refused with nothing left behind.

A zip archive and a dropped folder take the same road. Each becomes a list of entries (a name, a size, a way to open
it). All names are judged before the first byte is written. Then the files are copied into a hidden staging folder,
every byte counted, and one rename puts the finished folder in place. So a folder without a dot in front is always
complete, and two visitors who drop the same thing at once both get the same folder.
"""

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.data.uploads.entries import MODELS, Entry, plan_entries
from core.data.uploads.entry_names import Parts
from core.data.uploads.limits import UploadError, UploadLimits, refusal, refusing, shown, too_large
from core.data.uploads.staging import settle, staged
from core.data.uploads.zip_archive import opened, zip_entries
from core.machine.paths import uploads_folder

__all__ = ["Progress", "UploadError", "UploadLimits", "slug", "store_files", "unpack_zip"]

Progress = Callable[[int, int], None]
"""Called after each file with (files stored, files in all)."""

_CHUNK = 1 << 20
_CENTRAL_HEADER = b"PK\x01\x02"


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
    limits, into = limits or UploadLimits(), into or uploads_folder()
    if PurePosixPath(name.lower()).suffix in MODELS:
        raise refusal("a zip of class folders", f"the model file {shown(name)}", "drop images, not models")
    with _source(archive) as stream:
        final = into / f"{slug(name)}-{_fingerprint(stream, name, limits)[:12]}"
        if final.is_dir():
            return final
        with opened(stream, name) as unpacked, staged(into) as staging:
            _write(plan_entries(zip_entries(unpacked, limits), limits), staging, limits, progress)
            return settle(staging, final)


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
    limits, into = limits or UploadLimits(), into or uploads_folder()
    plan = plan_entries((_stream_entry(path, stream) for path, stream in files), limits)
    with staged(into) as staging:
        digest = _write(plan, staging, limits, progress)
        return settle(staging, into / f"{slug(name)}-{digest[:12]}")


def slug(name: str) -> str:
    """The name as 1 to 40 lower-case ASCII letters, digits and single dashes; accents dropped, `.zip` too."""
    bare = re.sub(r"\.zip$", "", name.strip(), flags=re.IGNORECASE)
    ascii_only = unicodedata.normalize("NFKD", bare).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:40].strip("-") or "upload"


def _source(archive: BinaryIO | Path) -> AbstractContextManager[BinaryIO]:
    """The archive as a stream: a path is opened and closed again, a stream stays its owner's."""
    if not isinstance(archive, Path):
        return nullcontext(archive)
    with refusing(archive.name):
        return archive.open("rb")


def _fingerprint(stream: BinaryIO, name: str, limits: UploadLimits) -> str:
    """The archive's SHA-256; raises UploadError where it holds too many entries.

    Entries are counted here, by their headers' signature, because ZipFile builds an object for each one before anyone
    can ask how many there are: a small archive of millions would fill the memory.
    """
    digest, entries, tail = hashlib.sha256(), 0, b""
    with refusing(name):
        stream.seek(0)
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            entries += (tail + chunk).count(_CENTRAL_HEADER)
            tail = (tail + chunk)[-3:]
    if entries > limits.entries:
        raise refusal(f"at most {limits.entries:,} entries", f"{entries:,} in {shown(name)}", "split the data set")
    return digest.hexdigest()


def _stream_entry(name: str, stream: BinaryIO) -> Entry:
    """A dropped file as an entry; its size is unknown until it is read."""
    return Entry(name, None, lambda: nullcontext(_rewound(stream)))


def _rewound(stream: BinaryIO) -> BinaryIO:
    """The stream at its start: a page that reruns hands over the same one, already read to its end."""
    if stream.seekable():
        stream.seek(0)
    return stream


def _write(plan: Sequence[tuple[Parts, Entry]], staging: Path, limits: UploadLimits, progress: Progress | None) -> str:
    """Copy every entry to its path below `staging` and return the SHA-256 of all paths and contents.

    Raises UploadError where sources hold more than `limits`, or the disk less than they bring.
    """
    _check_room(plan, staging)
    written, lines = 0, []
    for number, (parts, entry) in enumerate(plan, start=1):
        with refusing(entry.name):
            size, digest = _copy(entry, staging.joinpath(*parts), limits, limits.total_bytes - written)
        written += size
        lines.append(f"{digest} {'/'.join(parts)}")
        if progress:
            progress(number, len(plan))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _check_room(plan: Sequence[tuple[Parts, Entry]], staging: Path) -> None:
    """Raise UploadError before the disk is filled: trainings write to it at the same time."""
    needed, free = sum(entry.size or 0 for _, entry in plan), shutil.disk_usage(staging).free
    if needed > free:
        raise refusal(f"{needed:,} bytes free", f"disk full, {free:,} bytes free", "free some space and try again")


def _copy(entry: Entry, target: Path, limits: UploadLimits, left: int) -> tuple[int, str]:
    """Copy one entry and return its size and SHA-256; bytes are counted as they come, whatever its header says."""
    size, digest = 0, hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with entry.open() as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > min(limits.file_bytes, left):
                raise too_large(entry.name, limits)
            digest.update(chunk)
            sink.write(chunk)
    if entry.size not in (None, size):
        raise refusal(f"{entry.size:,} bytes in {shown(entry.name)}", f"{size:,}", "make the zip again")
    return size, digest.hexdigest()
