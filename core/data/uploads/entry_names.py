"""Checks of the names in an upload: each must stay inside the folder and mean the same file on every file system."""

import re
import unicodedata

from core.data.uploads.limits import UnusableFile, UploadLimits, quoted, upload_error

PathParts = tuple[str, ...]

# Control characters and lone surrogates are not allowed in a name. A colon (drive letter, NTFS stream) has another
# meaning on Windows than elsewhere, so it is not accepted on any system.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff:]")

_DRIVE = re.compile(r"[A-Za-z]:/")


def split_name(name: str, limits: UploadLimits) -> PathParts:
    """Split a name into its path parts, in Unicode's composed form. A backslash separates, as Windows writes it.

    Raises UnusableFile for a name that some system cannot store, UploadError for one that could leave the folder.
    """
    given, name = name, with_slashes(unicodedata.normalize("NFC", name))
    parts = tuple(part for part in name.removesuffix("/").split("/") if part != ".")
    if name.startswith("/") or _DRIVE.match(name):
        raise upload_error("relative names", f"the absolute name {quoted(given)}", "upload the folder itself again")
    # Windows drops dots and spaces at the end of a name, so ".. " is ".." there.
    if any(not part.strip(". ") for part in parts):
        raise upload_error("names that stay inside the upload", quoted(given), "rename it, without '..' or empty parts")
    if found := _FORBIDDEN.search(name):
        raise UnusableFile(f"{found[0]!r} in its name, which not every system can store")
    _check_length(name, parts, limits)
    return parts


def with_slashes(name: str) -> str:
    """The name with slashes between its parts."""
    return name.replace("\\", "/")


def _check_length(name: str, parts: PathParts, limits: UploadLimits) -> None:
    """Raise UnusableFile if the path or one of its parts is too long for some file system."""
    if len(name.encode()) > limits.path_bytes:
        raise UnusableFile(f"its path is longer than {limits.path_bytes} bytes")
    if any(len(part.encode()) > limits.name_bytes for part in parts):
        raise UnusableFile(f"its name is longer than {limits.name_bytes} bytes")


def reserve_path(parts: PathParts, name: str, reserved: dict[PathParts, tuple[PathParts, bool]]) -> None:
    """Reserve a file's path and its folders; `reserved` maps a case-folded path to (path, whether it is a file).

    Raises UploadError if another name would be the same path on some file system.
    """
    for depth in range(1, len(parts) + 1):
        new = (parts[:depth], depth == len(parts))
        existing = reserved.setdefault(tuple(_folded(part) for part in parts[:depth]), new)
        if existing is not new and (existing != new or new[1]):
            clash = f"{quoted(name)} next to {quoted('/'.join(existing[0]))}"
            raise upload_error("names that are distinct on every file system", clash, "rename one of them")


def _folded(part: str) -> str:
    """Return a path part in the form that the least strict file system would compare."""
    return unicodedata.normalize("NFC", part.casefold()).rstrip(". ")
