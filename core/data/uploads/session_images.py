"""The pictures that one visitor brings: on disk until he goes, so that of 1,000 only thumbnails are in memory."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.data.uploads.limits import UploadError, UploadLimits, refusing
from core.data.uploads.unpack import unpack_zip
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage, read_uploads

Received = UploadedImage | RefusedFile

LIMITS = UploadLimits(entries=5_000, total_bytes=2 * 10**9)
"""Of one ZIP of pictures to look at."""

_AT_ONCE = 16


@dataclass(frozen=True)
class NewFile:
    """A file on its way in; `id` tells it from any other that this visitor brings."""

    id: str
    name: str
    stream: BinaryIO


class SessionImages:
    """What a visitor dropped, in its order, each picture once; a ZIP counts as the files in it.

    Its folder comes with the first file and goes with the visit: when it is cleared, forgotten or the program ends.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.contents: dict[str, Path] = {}
        self._folder: tempfile.TemporaryDirectory | None = None
        self._taken: set[str] = set()

    def add(self, files: Sequence[NewFile]) -> Iterator[tuple[int, int]]:
        """Store what is dropped and look at it. Yields (done, all) files after some of them.

        What is taken then stays taken, also if nobody asks for the rest: a file that comes again is passed over.
        """
        new = iter([file for file in files if file.id not in self._taken])
        while some := list(islice(new, _AT_ONCE)):
            self._look_at([found for file in some for found in self._stored(file)])
            self._taken |= {file.id for file in some}
            yield sum(file.id in self._taken for file in files), len(files)

    def clear(self) -> None:
        """Forget everything."""
        if self._folder:
            self._folder.cleanup()
        self.__init__()

    def _look_at(self, files: Sequence[tuple[str, Path]]) -> None:
        for (_, path), item in zip(files, read_uploads(files), strict=True):
            if isinstance(item, UploadedImage) and item.hash not in self.contents:
                self.contents[item.hash] = path
                self.received.append(item)
            else:
                path.unlink(missing_ok=True)
                self._refuse(item)

    def _refuse(self, item: Received) -> None:
        if isinstance(item, RefusedFile) and item not in self.received:
            self.received.append(item)

    def _stored(self, file: NewFile) -> list[tuple[str, Path]]:
        """(name, path) of the file on disk, of each in it where it is a ZIP; nothing where it is refused."""
        try:
            with refusing(file.name):
                path = self._room() / hashlib.sha256(file.id.encode()).hexdigest()
                file.stream.seek(0)
            if PurePosixPath(file.name.lower()).suffix == ".zip":
                return _unpacked(file, path)
            with refusing(file.name), path.open("wb") as target:
                shutil.copyfileobj(file.stream, target)
            return [(file.name, path)]
        except UploadError as error:
            self._refuse(RefusedFile(file.name, str(error)))
            return []

    def _room(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="transfer-lab-visit-", ignore_cleanup_errors=True)
        return Path(self._folder.name)


def _unpacked(file: NewFile, into: Path) -> list[tuple[str, Path]]:
    folder = unpack_zip(file.stream, file.name, into, LIMITS)
    found = sorted(entry for entry in folder.rglob("*") if entry.is_file())
    return [(entry.relative_to(folder).as_posix(), entry) for entry in found]
