"""CSV files of groups, with the columns path and group: one row per image."""

import csv
import io
import os
import stat
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from core.data.datasets.dataset import DataError

MAX_MB = 50
"""Largest size of a file: more than 100,000 rows."""


def read_group_csv(path: str) -> Mapping[str, str]:
    """The group of each path, both in NFC, from a CSV file. A file that has not changed is read only once.

    Paths and groups are normalised because macOS decomposes accents in file names and other systems do not.
    Raises `DataError`.
    """
    try:
        info = Path(path).stat()
        _expect_regular_file(path, info)
        return _read(path, info.st_mtime_ns, info.st_size)
    except OSError as error:
        reason = f"which cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        reason = "which is not UTF-8"
    except csv.Error as error:
        reason = f"which is damaged ({error})"
    raise DataError(f"Expected a CSV file of groups as UTF-8; received {path}, {reason}. Check the file.")


def _expect_regular_file(path: str, info: os.stat_result) -> None:
    """Refuse files that would block the reader, such as pipes, or exhaust the memory. Raises `DataError`."""
    if not stat.S_ISREG(info.st_mode):
        raise DataError(f"Expected a CSV file of groups; received {path}, which is no regular file. Choose a file.")
    if info.st_size > MAX_MB * 2**20:
        raise DataError(
            f"Expected a CSV file of groups of at most {MAX_MB} MB; received {path} of {info.st_size / 2**20:,.0f} MB. "
            "Keep only the columns path and group, and only rows of these images."
        )


@lru_cache(4)
def _read(path: str, _changed: int, _size: int) -> Mapping[str, str]:
    """Read a file; time of change and size are part of the cache key, so that a changed file is read again."""
    text = Path(path).read_bytes().decode("utf-8-sig")
    delimiter = next((character for character in ",;\t" if character in text.partition("\n")[0]), ",")
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    return MappingProxyType(_groups_by_path(path, rows))


def _groups_by_path(path: str, rows: "csv.DictReader[str]") -> dict[str, str]:
    """Raises `DataError` if a column is missing or a path has two groups."""
    found: dict[str, str] = {}
    columns = {name.strip().lower(): name for name in rows.fieldnames or ()}
    if not {"path", "group"} <= set(columns):
        raise DataError(
            f"Expected the columns path and group in {path}; received {', '.join(columns)[:80] or 'none'}. Rename them."
        )
    for row in rows:
        image, group = (normalised((row[columns[name]] or "").strip()) for name in ("path", "group"))
        image = image.replace("\\", "/").removeprefix("./")
        if image and found.setdefault(image, group) != group:
            raise DataError(
                f"Expected one group for each path in {path}; received {found[image][:40]} and {group[:40]} for "
                f"{image[:80]} in line {rows.line_num}. Correct one of them."
            )
    return found


def normalised(name: str) -> str:
    """The name with accents as composed characters (Unicode NFC)."""
    return unicodedata.normalize("NFC", name)
