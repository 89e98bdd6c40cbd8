"""A split as folders, for scripts that read train/, validation/ and test/."""

from pathlib import Path

from core.data.datasets.split import Manifest


def link_split(folder: Path, data: Path, manifest: Manifest) -> Path:
    """Create one folder per split and class with links to the images, and return the root."""
    for number, item in enumerate(manifest.items):
        link = folder / "tree" / item.split / item.label / f"{number:06d}{Path(item.path).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((data / item.path).resolve())
    return folder / "tree"
