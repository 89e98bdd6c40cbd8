"""Stores images whose true class the user marked, in class folders, so that they can be used as a data set."""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from core.data.datasets.images.decode import open_image
from core.data.uploads.entry_names import split_name
from core.data.uploads.limits import UnusableFile, UploadLimits, quoted, upload_error
from core.data.uploads.unpack import slug
from core.data.uploads.uploaded_images import Content, read_content
from core.machine.files import write_atomically
from core.machine.paths import feedback_folder

NONE_OF_THESE = "None of these"
"""Marks an image that belongs to no class: its prediction counts as wrong, and no data set includes it."""

_HASH_LENGTH, _NO_CLASS_FOLDER = 64, ".none-of-these"
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "HEIF": ".heic"}


class Feedback:
    """A folder of class folders, created when the first image is marked; each image is in at most one of them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def for_data(cls, data: str) -> "Feedback":
        """Return the feedback on models trained on the data set `data` (field of a run's configuration)."""
        name = PurePosixPath(data).name or data
        return cls(feedback_folder() / f"{slug(name)}-{hashlib.sha256(data.encode()).hexdigest()[:8]}")

    def mark(self, content: Content, name: str, label: str) -> Path:
        """Store an image under its true class and return its path; an image marked before is moved.

        Raises `UploadError` for a class that is no valid folder name, `UnreadableImage`, `OSError`.
        """
        folder = self.root / (_NO_CLASS_FOLDER if label == NONE_OF_THESE else _folder_name(label))
        image = read_content(content)
        digest = hashlib.sha256(image).hexdigest()
        kind = open_image(image).format or ""
        path = folder / f"{digest}-{slug(PurePosixPath(name).stem)}{_SUFFIXES.get(kind, f'.{kind.lower()}')}"
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, image)
        for stored in self._files(digest):
            if stored != path:
                stored.unlink(missing_ok=True)
        return path

    def remove(self, image_hash: str) -> None:
        """Delete the image with this SHA-256."""
        for path in self._files(image_hash):
            path.unlink(missing_ok=True)

    def labels(self, classes: Sequence[str] = ()) -> dict[str, str]:
        """Return the marked class of each image by its SHA-256, spelled as in `classes` if it is one of them.

        Folder names are in Unicode's composed form; a class name may not be.
        """
        spelling = {unicodedata.normalize("NFC", name): name for name in classes} | {_NO_CLASS_FOLDER: NONE_OF_THESE}
        return {path.name[:_HASH_LENGTH]: spelling.get(path.parent.name, path.parent.name) for path in self._files()}

    def _files(self, image_hash: str = "[!.]") -> Iterator[Path]:
        return self.root.glob(f"*/{image_hash}*")


def _folder_name(label: str) -> str:
    try:
        parts = split_name(label, UploadLimits())
    except UnusableFile as error:
        raise upload_error("the name of a class", f"{quoted(label)}: {error}", "rename the class") from error
    if len(parts) != 1 or label.startswith("."):
        raise upload_error("the name of a class", quoted(label), "choose a class from the list")
    return parts[0]
