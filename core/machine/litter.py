"""Names of files and folders that operating systems and network storage add to a folder of images."""

from collections.abc import Iterable

_LITTER = frozenset(
    {
        "__macosx",
        "icon\r",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "found.000",
        "lost+found",
        "@eadir",
        "@tmp",
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "#snapshot",
    }
)
"""In lower case. Hidden names, such as `.DS_Store` and `.@__thumb`, need no entry."""

_EDITS = ".aae"  # an iPhone stores the edits of a photo beside it


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name is hidden or was added by an operating system or network storage."""
    return name.startswith(".") or name.lower() in _LITTER or name.lower().endswith(_EDITS)


def contains_litter(parts: Iterable[str]) -> bool:
    """Whether a file or one of the folders in its relative path is litter."""
    return any(is_litter(part) for part in parts)
