"""A folder of an upload appears whole or not at all: filled under a hidden name, then renamed."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.data.uploads.limits import refusing

_DAY = 24 * 3600
_PREFIX = ".staging-"


@contextmanager
def staged(into: Path) -> Iterator[Path]:
    """A fresh hidden folder in `into`; what is still in it at the end is removed."""
    with refusing(into.name):
        into.mkdir(parents=True, exist_ok=True)
        _sweep(into)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=into))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(into: Path) -> None:
    """Remove staging folders older than a day: their process was killed before it could."""
    for left in into.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left)


def settle(staging: Path, final: Path) -> Path:
    """Rename the finished folder into place and return it; where another upload was first, its folder stands."""
    with refusing(final.name):
        try:
            staging.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    return final
