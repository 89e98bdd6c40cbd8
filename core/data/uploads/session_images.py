"""Stores the uploaded images of one browser session on disk; only thumbnails are held in memory."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.data.datasets.layout.left_out import read_left_out
from core.data.uploads.limits import UploadError, UploadLimits, as_upload_errors
from core.data.uploads.unpack import unpack_zip
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage, read_uploads

Received = UploadedImage | RefusedFile

LIMITS = UploadLimits(entries=5_000, total_bytes=2 * 10**9)
"""Limits of one ZIP of images to classify."""

_BATCH_SIZE = 16


@dataclass(frozen=True)
class NewFile:
    """An uploaded file that is not yet stored; `id` is unique within the session."""

    id: str
    name: str
    stream: BinaryIO


class SessionImages:
    """The uploaded images of one browser session in upload order, each once; a ZIP counts as the files in it.

    The temporary folder is created with the first file. It is deleted when the images are cleared, when this object is
    deleted and when the program ends.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.contents: dict[str, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._stored_ids: set[str] = set()

    def add(self, files: Sequence[NewFile]) -> Iterator[tuple[int, int]]:
        """Store and read uploaded files in batches. Yields (files done, total number of files) after each batch.

        If the iterator is abandoned, the batches done are kept; files that were stored before are skipped.
        """
        new = iter([file for file in files if file.id not in self._stored_ids])
        while batch := list(islice(new, _BATCH_SIZE)):
            self._read([stored for file in batch for stored in self._store(file)])
            self._stored_ids |= {file.id for file in batch}
            yield sum(file.id in self._stored_ids for file in files), len(files)

    def clear(self) -> None:
        """Delete all images."""
        if self._folder:
            self._folder.cleanup()
        self.received, self.contents, self._folder, self._stored_ids = [], {}, None, set()

    def _read(self, files: Sequence[tuple[str, Path]]) -> None:
        for (_, path), item in zip(files, read_uploads(files), strict=True):
            if isinstance(item, UploadedImage) and item.hash not in self.contents:
                self.contents[item.hash] = path
                self.received.append(item)
            else:
                path.unlink(missing_ok=True)
                self._add_refused(item)

    def _add_refused(self, item: Received) -> None:
        if isinstance(item, RefusedFile) and item not in self.received:
            self.received.append(item)

    def _store(self, file: NewFile) -> list[tuple[str, Path]]:
        """Store a file and return its (name, path); for a ZIP one pair per file in it, for a refused file none."""
        try:
            with as_upload_errors(file.name):
                path = self._temporary_folder() / hashlib.sha256(file.id.encode()).hexdigest()
                file.stream.seek(0)
            if PurePosixPath(file.name.lower()).suffix == ".zip":
                return self._unpack(file, path)
            with as_upload_errors(file.name), path.open("wb") as target:
                shutil.copyfileobj(file.stream, target)
            return [(file.name, path)]
        except UploadError as error:
            self._add_refused(RefusedFile(file.name, str(error)))
            return []

    def _temporary_folder(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="transfer-lab-visit-", ignore_cleanup_errors=True)
        return Path(self._folder.name)

    def _unpack(self, file: NewFile, into: Path) -> list[tuple[str, Path]]:
        folder = unpack_zip(file.stream, file.name, into, LIMITS)
        for problem in read_left_out(folder):
            self._add_refused(RefusedFile(problem.location, problem.reason))
        paths = sorted(path for path in folder.rglob("[!.]*") if path.is_file())
        return [(path.relative_to(folder).as_posix(), path) for path in paths]
