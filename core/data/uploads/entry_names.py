"""Checks of the names in an upload: each must stay inside the folder and mean the same file on every file system."""

import re
import unicodedata

from core.data.uploads.limits import UploadLimits, quoted, upload_error

PathParts = tuple[str, ...]

_SYSTEM_FILES = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
# Control characters and lone surrogates are not allowed in a name. A backslash or a colon (drive letter, NTFS stream)
# has another meaning on Windows than elsewhere, so neither is accepted on any system.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\:]")


def split_name(name: str, limits: UploadLimits) -> PathParts:
    """Split a name into its path parts, in Unicode's composed form.

    Raises UploadError for a name that could leave the folder.
    """
    name = unicodedata.normalize("NFC", name)
    parts = tuple(part for part in name.removesuffix("/").split("/") if part != ".")
    if name.startswith("/"):
        raise upload_error("relative names", f"the absolute name {quoted(name)}", "upload the folder itself again")
    if found := _FORBIDDEN.search(name):
        raise upload_error("names without \\, : or control characters", f"{found[0]!r} in {quoted(name)}", "rename it")
    # Windows drops dots and spaces at the end of a name, so ".. " is ".." there.
    if any(not part.strip(". ") for part in parts):
        raise upload_error("names that stay inside the upload", quoted(name), "rename it, without '..' or empty parts")
    _check_length(name, parts, limits)
    return parts


def _check_length(name: str, parts: PathParts, limits: UploadLimits) -> None:
    """Raise UploadError if the path or one of its parts is too long for some file system."""
    if len(name.encode()) > limits.path_bytes:
        raise upload_error(f"paths of at most {limits.path_bytes} bytes", f"{quoted(name)}, a longer one", "shorten it")
    if any(len(part.encode()) > limits.name_bytes for part in parts):
        raise upload_error(f"names of at most {limits.name_bytes} bytes", f"{quoted(name)}, a longer one", "shorten it")


def is_skipped(parts: PathParts) -> bool:
    """Whether the file is skipped without an error: it has no name, is hidden or was added by an operating system."""
    return not parts or any(part.startswith(".") or part.lower() in _SYSTEM_FILES for part in parts)


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
