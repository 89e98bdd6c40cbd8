"""What a name in an upload may be: inside the folder, and one and the same file on every file system."""

import re
import unicodedata

from core.data.uploads.limits import UploadLimits, refusal, shown

Parts = tuple[str, ...]

_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
# Control characters and lone surrogates have no place in a name; a backslash or a colon (drive letter, NTFS stream)
# means one thing on Windows and another elsewhere, so neither is accepted anywhere.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\:]")


def parts_of(name: str, limits: UploadLimits) -> Parts:
    """The name's parts in Unicode's composed form; raises UploadError for a name that could leave the folder."""
    name = unicodedata.normalize("NFC", name)
    parts = tuple(part for part in name.removesuffix("/").split("/") if part != ".")
    if name.startswith("/"):
        raise refusal("relative names", f"the absolute name {shown(name)}", "make the upload again from its folder")
    if found := _FORBIDDEN.search(name):
        raise refusal("names without \\, : or control characters", f"{found[0]!r} in {shown(name)}", "rename it")
    # Windows drops dots and spaces at a name's end, so ".. " is ".." there.
    if any(not part.strip(". ") for part in parts):
        raise refusal("names that stay inside the upload", shown(name), "rename it, without '..' or empty parts")
    _check_length(name, parts, limits)
    return parts


def _check_length(name: str, parts: Parts, limits: UploadLimits) -> None:
    """Raise UploadError for a path, or a part of one, that some file system could not hold."""
    if len(name.encode()) > limits.path_bytes:
        raise refusal(f"paths of at most {limits.path_bytes} bytes", f"{shown(name)}, a longer one", "shorten it")
    if any(len(part.encode()) > limits.name_bytes for part in parts):
        raise refusal(f"names of at most {limits.name_bytes} bytes", f"{shown(name)}, a longer one", "shorten it")


def is_litter(parts: Parts) -> bool:
    """Whether the file is nameless, hidden or added by an operating system; such a file is skipped, not refused."""
    return not parts or any(part.startswith(".") or part.lower() in _LITTER for part in parts)


def claim(parts: Parts, name: str, taken: dict[Parts, tuple[Parts, bool]]) -> None:
    """Take the path and its folders; raises UploadError where another name would be the same on some file system."""
    for depth in range(1, len(parts) + 1):
        mine = (parts[:depth], depth == len(parts))
        theirs = taken.setdefault(tuple(_folded(part) for part in parts[:depth]), mine)
        if theirs is not mine and (theirs != mine or mine[1]):
            clash = f"{shown(name)} beside {shown('/'.join(theirs[0]))}"
            raise refusal("names that differ by more than case, on every file system", clash, "rename one of them")


def _folded(part: str) -> str:
    """The part as the least careful file system would compare it."""
    return unicodedata.normalize("NFC", part.casefold()).rstrip(". ")
