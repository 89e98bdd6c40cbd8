"""Results of probes on disk, and markers that survive a crash of the process during a probe."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.learning.network.engines.engine import Engine
from core.machine.files import read_json, write_atomically
from core.machine.paths import probes_folder
from core.machine.processor import this_processor

_LOG = logging.getLogger(__name__)
_LOCK_SECONDS = 10


class ProbeStore:
    """Results as JSON files in one folder. Another processor or version of an engine has results of its own.

    Args:
        folder: by default the one of this user.
        processor: identity of the processor; by default this machine's.
    """

    def __init__(self, folder: Path | None = None, processor: str = "") -> None:
        self._folder = folder or probes_folder()
        self._processor = processor or this_processor().identity

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time probe: two would slow each other down, and take each other's markers for crashes.

        Raises `OSError`, or its subclass `filelock.Timeout` if another process takes too long.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".lock", timeout=_LOCK_SECONDS):
            yield

    def load(self, subject: Sequence[object], engines: Sequence[Engine]) -> Any:
        """The saved result of these engines on a subject; None if there is none."""
        try:
            return read_json(self._path("result", subject, engines))
        except (OSError, ValueError):
            return None

    def save(self, subject: Sequence[object], engines: Sequence[Engine], result: object) -> None:
        """Save a result; only log if that fails."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path("result", subject, engines), json.dumps(result))
        except OSError as error:
            _LOG.warning("The result of a probe cannot be saved in %s: %s", self._folder, error)

    def has_crashed(self, engine: Engine) -> bool:
        """Whether the process ended while it probed this engine; ask only while `locked`."""
        marker = self._marker(engine)
        if marker.exists():
            _LOG.warning(
                "%s is not used: the process ended when it was tried. To try it again, delete %s", engine.name, marker
            )
        return marker.exists()

    @contextmanager
    def marked(self, engine: Engine) -> Iterator[None]:
        """Leave a marker if the process ends inside the block, such as by an illegal instruction. Raises `OSError`."""
        marker = self._marker(engine)
        marker.touch()
        try:
            yield
        finally:
            marker.unlink(missing_ok=True)

    def _marker(self, engine: Engine) -> Path:
        return self._path("trying", (), [engine]).with_suffix(".marker")

    def _path(self, kind: str, subject: Sequence[object], engines: Sequence[Engine]) -> Path:
        versions = [(engine.name, engine.version, engine.batch_sizes) for engine in engines]
        settings = json.dumps([self._processor, versions, *map(str, subject)])
        return self._folder / f"{kind}-{hashlib.sha256(settings.encode()).hexdigest()[:24]}.json"
