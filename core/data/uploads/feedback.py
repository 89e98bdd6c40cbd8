"""Pictures whose true class a visitor named: class folders, and so a data set of their own."""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from core.data.datasets.decode import open_image
from core.data.uploads.entry_names import parts_of
from core.data.uploads.limits import UploadLimits, refusal, shown
from core.data.uploads.unpack import slug
from core.data.uploads.uploaded_images import Content, read_content
from core.machine.files import write_whole
from core.machine.paths import feedback_folder

NONE_OF_THESE = "None of these"
"""Marks a picture that belongs to no class: it counts as named wrong, and is kept where no data set finds it."""

_HASH, _HIDDEN = 64, ".none-of-these"
_ENDINGS = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif"}


class Feedback:
    """A folder of class folders, created when the first picture is marked; each picture is in one of them at most."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def on(cls, data: str) -> "Feedback":
        """What was marked while models of the data set `data` (a run's) were asked."""
        name = PurePosixPath(data).name or data
        return cls(feedback_folder() / f"{slug(name)}-{hashlib.sha256(data.encode()).hexdigest()[:8]}")

    def mark(self, content: Content, name: str, label: str) -> Path:
        """Keep a picture under its true class and return where; one marked before moves.

        Raises `UploadError` for a class that can be no folder, `UnreadableImage`, `OSError`.
        """
        folder = self.root / (_HIDDEN if label == NONE_OF_THESE else _folder_name(label))
        read = read_content(content)
        digest = hashlib.sha256(read).hexdigest()
        kind = open_image(read).format or ""
        path = folder / f"{digest}-{slug(PurePosixPath(name).stem)}{_ENDINGS.get(kind, f'.{kind.lower()}')}"
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, read)
        for other in self._of(digest):
            if other != path:
                other.unlink(missing_ok=True)
        return path

    def forget(self, picture: str) -> None:
        """Keep the picture with this SHA-256 no longer."""
        for path in self._of(picture):
            path.unlink(missing_ok=True)

    def labels(self, classes: Sequence[str] = ()) -> dict[str, str]:
        """What each picture was marked, by its SHA-256; a class is spelled as in `classes`, where it is one of them.

        A folder's name is in Unicode's composed form, that of a class may not be.
        """
        spelled = {unicodedata.normalize("NFC", name): name for name in classes} | {_HIDDEN: NONE_OF_THESE}
        return {path.name[:_HASH]: spelled.get(path.parent.name, path.parent.name) for path in self._of("")}

    def _of(self, picture: str) -> Iterator[Path]:
        return self.root.glob(f"*/{picture or '[!.]'}*")


def _folder_name(label: str) -> str:
    parts = parts_of(label, UploadLimits())
    if len(parts) != 1 or label.startswith("."):
        raise refusal("the name of a class", shown(label), "choose a class of the list")
    return parts[0]
