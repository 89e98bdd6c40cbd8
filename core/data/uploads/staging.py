"""Staging folders: an upload is written under a hidden name and renamed when it is complete."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.data.uploads.limits import as_upload_errors

_DAY = 24 * 3600
_PREFIX = ".staging-"


@contextmanager
def staging_folder(into: Path) -> Iterator[Path]:
    """Create a hidden folder in `into` and remove it at the end of the block, unless it was moved away."""
    with as_upload_errors(into.name):
        into.mkdir(parents=True, exist_ok=True)
        _remove_stale(into)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=into))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(into: Path) -> None:
    """Remove staging folders older than a day: their processes were killed before they could remove them."""
    for folder in into.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _DAY:
                shutil.rmtree(folder)


def move_into_place(staging: Path, final: Path) -> Path:
    """Rename the complete folder to `final` and return it; an existing `final` of another upload is left as it is."""
    with as_upload_errors(final.name):
        try:
            staging.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    return final
