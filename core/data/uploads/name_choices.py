"""The ways to read the names in a ZIP that does not say their encoding, for users to choose from."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.data.uploads.entry_names import with_slashes
from core.data.uploads.limits import UploadLimits
from core.data.uploads.name_encoding import decode_name, encoding_title, likely_encodings
from core.data.uploads.unpack import archive_hash, as_stream
from core.data.uploads.zip_archive import open_archive, undeclared_names

_NAMES_SHOWN = 8


class NameChoice(NamedTuple):
    """An encoding that the names in a ZIP may have, and the first names that result, those of folders first."""

    encoding: str
    title: str
    names: tuple[str, ...]


def name_choices(archive: BinaryIO | Path, name: str, limits: UploadLimits | None = None) -> list[NameChoice]:
    """Return the ways to read the names in a ZIP, the most likely first; none if the archive leaves no doubt.

    Raises UploadError for a file that is no ZIP or has too many entries.
    """
    with as_stream(archive) as stream:
        archive_hash(stream, name, limits or UploadLimits())
        with open_archive(stream, name) as zip_file:
            names = undeclared_names(zip_file)
    encodings = likely_encodings(names)
    if encodings == ["utf-8"]:
        return []
    return [NameChoice(encoding, encoding_title(encoding), _first_names(names, encoding)) for encoding in encodings]


def _first_names(names: Sequence[bytes], encoding: str) -> tuple[str, ...]:
    paths = [with_slashes(decode_name(name, encoding)).split("/") for name in names]
    folders = {part: None for path in paths for part in path[:-1] if not part.isascii()}
    files = {path[-1]: None for path in paths if not path[-1].isascii()}
    return tuple(islice(folders | files, _NAMES_SHOWN))
