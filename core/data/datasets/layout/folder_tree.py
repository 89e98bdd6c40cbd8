"""The folders and files of a data set as a tree, without litter and earlier runs. Each folder is read when needed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.data.datasets.images.decode import UnreadableImage, open_image
from core.machine.litter import is_litter


@dataclass(frozen=True)
class Folder:
    """A folder on disk. Its content is read once, when it is first needed; raises `OSError` then."""

    path: Path
    is_link: bool = False

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def entries(self) -> tuple["Folder | Path", ...]:
        """Sub-folders and files, by name."""
        with os.scandir(self.path) as found:
            visible = sorted((entry for entry in found if not is_litter(entry.name)), key=lambda entry: entry.name)
            return tuple(
                Folder(Path(entry.path), entry.is_symlink()) if entry.is_dir() else Path(entry.path)
                for entry in visible
                if entry.is_dir() or entry.is_file()
            )

    @cached_property
    def folders(self) -> tuple["Folder", ...]:
        """Sub-folders that may contain images of the data set."""
        return tuple(folder for folder in self._all_folders if not folder.contains_runs)

    @cached_property
    def runs_folders(self) -> tuple["Folder", ...]:
        """Sub-folders that contain earlier runs."""
        return tuple(folder for folder in self._all_folders if folder.contains_runs)

    @cached_property
    def contains_runs(self) -> bool:
        """Whether this folder contains earlier runs instead of images."""
        return is_runs_folder(self.path)

    @property
    def files(self) -> Iterator[Path]:
        return (entry for entry in self.entries if isinstance(entry, Path))

    @property
    def images(self) -> Iterator[Path]:
        """Files directly in this folder that begin like an image."""
        return filter(is_image, self.files)

    @cached_property
    def has_images(self) -> bool:
        """Whether there is an image in this folder or below."""
        return any(map(is_image, self.files_below()))

    def files_below(self) -> Iterator[Path]:
        """All files in this folder and below; linked folders are not followed."""
        for entry in self.entries:
            if isinstance(entry, Path):
                yield entry
            elif not entry.is_link and not entry.contains_runs:
                yield from entry.files_below()

    def innermost(self) -> Iterator["Folder"]:
        """The folders that contain no folder with images: this one, or those below."""
        below = [folder for folder in self.folders if not folder.is_link]
        if not any(folder.has_images for folder in below):
            yield self
            return
        for folder in below:
            yield from folder.innermost()

    @property
    def _all_folders(self) -> Iterator["Folder"]:
        return (entry for entry in self.entries if isinstance(entry, Folder))


def is_image(path: Path) -> bool:
    """Whether the file begins like an image; it may still be damaged."""
    try:
        with open_image(path):
            return True
    except UnreadableImage:
        return False


def is_runs_folder(path: Path) -> bool:
    """Whether a run store wrote this folder: it lists its active runs in `.active`."""
    return (path / ".active").is_dir()
