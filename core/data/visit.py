"""The pictures that one visitor brings: on disk until he goes, so that of 1,000 only thumbnails are in memory."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.data.incoming import Incoming, Refused, receive
from core.data.refusals import UploadError, refusing
from core.data.upload import unpack_zip

Received = Incoming | Refused


class Visit:
    """What a visitor dropped, in its order, each picture once; a ZIP counts as the files in it.

    Its folder goes with it: when it is cleared, forgotten or the program ends.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="transfer-lab-visit-", ignore_cleanup_errors=True)
        self.received: list[Received] = []
        self.contents: dict[str, Path] = {}
        self._number = 0

    def take(self, files: Iterable[tuple[str, BinaryIO]]) -> Iterator[tuple[int, int]]:
        """Store what is dropped and look at it. Yields (done, all so far) after each file."""
        listed = [entry for name, stream in files for entry in self._stored(name, stream)]
        for done, (item, path) in enumerate(self._looked_at(listed), start=1):
            if isinstance(item, Refused) or item.hash not in self.contents:
                self.received.append(item)
            if isinstance(item, Incoming):
                self.contents.setdefault(item.hash, path)
            yield done, len(listed)

    def clear(self) -> None:
        """Forget everything."""
        self._folder.cleanup()
        self.__init__()

    def _looked_at(self, listed: list[tuple[str, Path | Refused]]) -> Iterator[tuple[Received, Path]]:
        readable = receive((name, path) for name, path in listed if isinstance(path, Path))
        for _, path in listed:
            yield (path, Path()) if isinstance(path, Refused) else (next(readable), path)

    def _stored(self, name: str, stream: BinaryIO) -> list[tuple[str, Path | Refused]]:
        """(name, path) of the file on disk, of each in it where it is a ZIP; or why it was refused."""
        self._number += 1
        path = Path(self._folder.name) / str(self._number)
        try:
            if PurePosixPath(name.lower()).suffix == ".zip":
                folder = unpack_zip(stream, name, into=path)
                found = sorted(entry for entry in folder.rglob("*") if entry.is_file())
                return [(entry.relative_to(folder).as_posix(), entry) for entry in found]
            with refusing(name), path.open("wb") as file:
                stream.seek(0)
                shutil.copyfileobj(stream, file)
            return [(name, path)]
        except UploadError as error:
            return [(name, Refused(name, str(error)))]
