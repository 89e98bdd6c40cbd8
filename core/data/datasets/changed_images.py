"""Find images that are missing or changed since a data set was read, before anything is computed from them."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.data.datasets.dataset import DataError
from core.data.datasets.images.decode import THREADS
from core.data.datasets.scan_cache.file_stamp import CLOCK_STEP
from core.data.datasets.split import ManifestRow

_BATCH = 200
"""Images that a thread checks at once: handing one over takes longer than reading its times."""


def expect_unchanged(root: Path, items: Sequence[ManifestRow], since: float, advice: str = "") -> None:
    """Raise `DataError`, with this advice, if images below `root` are missing or changed after `since` (Unix seconds).

    Only files with a later time, of their content or of their place in the folder, are read, and compared by hash.
    """
    batches = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    with ThreadPoolExecutor(THREADS) as pool:
        changes = pool.map(lambda batch: _changes(root, batch, since - CLOCK_STEP), batches)
        found = [change for batch in changes for change in batch]
    if found:
        (path, change), more = found[0], f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
        raise DataError(
            f"Expected the images as they were when they were read; received {root / path}, which {change}{more}. "
            f"{advice}".strip()
        )


def _changes(root: Path, items: Sequence[ManifestRow], since: float) -> list[tuple[str, str]]:
    """Return (path, what has happened to it) of the images that are missing or changed."""
    changes = ((item.path, _change(root / item.path, item.hash, since)) for item in items)
    return [(path, change) for path, change in changes if change]


def _change(path: Path, digest: str, since: float) -> str:
    """What has happened to this file: "is missing", "has another content", another reason, or "" if nothing."""
    try:
        info = path.stat()
        if max(info.st_mtime, info.st_ctime) < since:
            return ""
        with path.open("rb") as file:
            return "" if hashlib.file_digest(file, "sha256").hexdigest() == digest else "has another content"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
