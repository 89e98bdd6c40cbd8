"""The built-in sample data set: ten classes of waste, drawn by the program, the same on every run."""

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from core.data.sample_set.drawing import DRAWERS
from core.data.sample_set.scene import compose
from core.machine.paths import sample_set_folder

SAMPLE_CLASSES: tuple[str, ...] = tuple(sorted(DRAWERS))
VERSION = "v2"  # Bump when the drawing changes: a kept folder of another version is left alone.
README = """Ten classes of waste, {images} pictures each, {size} x {size} pixels, seed {seed}.

Drawn by the program, for trying things out. They are not photos: a model that does well here has shown
that training works, not that it knows real waste.
"""

_DAY = 24 * 3600
_UNFINISHED = ".{name}-unfinished-"  # Long, so that no hidden folder of the user's own is taken for a left one.

Progress = Callable[[int, int], None]


def sample_folder(progress: Progress | None = None) -> Path:
    """The set with its default settings, drawn on the first call and kept in the program's own folder."""
    return write_sample(sample_set_folder() / VERSION, progress=progress)


def write_sample(
    folder: Path, images_per_class: int = 60, size: int = 128, seed: int = 0, progress: Progress | None = None
) -> Path:
    """Write `<folder>/<class>/<class>-000.jpg` and so on, whole or not at all; an existing folder is left untouched.

    `progress(done, total)` is called after every picture; what it raises ends the writing and leaves nothing behind.
    """
    folder = Path(folder)
    unfinished = _UNFINISHED.format(name=folder.name)
    _sweep(folder.parent, unfinished)  # First: the call after a killed one comes too early, and later ones find a set.
    if folder.is_dir():
        return folder
    _check_request(folder, images_per_class, size, seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=unfinished, dir=folder.parent, ignore_cleanup_errors=True) as room:
        draft = Path(room) / folder.name  # One level down: mkdtemp closes its folder to other users, mkdir does not.
        _write_pictures(draft, images_per_class, size, seed, progress or (lambda done, total: None))
        words = README.format(images=images_per_class, size=size, seed=seed)
        (draft / "README.txt").write_text(words, encoding="utf-8")
        _publish(draft, folder)
    return folder


def _sweep(parent: Path, unfinished: str) -> None:
    """Remove temporary folders older than a day: their process was killed before it could."""
    with suppress(OSError):  # No parent yet, or another process sweeps too.
        for left in parent.iterdir():
            if left.name.startswith(unfinished) and time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left, ignore_errors=True)


def _check_request(folder: Path, images_per_class: int, size: int, seed: int) -> None:
    if folder.exists():
        raise ValueError(f"Expected a folder or a free path; received the file {folder}; do choose another path.")
    if images_per_class < 1:
        raise ValueError(f"Expected at least 1 image per class; received {images_per_class}; do ask for more.")
    _check_picture(SAMPLE_CLASSES[0], seed, size)


def _check_picture(label: str, seed: int, size: int) -> None:
    if label not in SAMPLE_CLASSES:
        raise ValueError(f"Expected one of {', '.join(SAMPLE_CLASSES)}; received {label!r}; do pick one of these.")
    if size < 32:
        raise ValueError(f"Expected a size of at least 32 pixels; received {size}; do ask for a larger picture.")
    if seed < 0:
        raise ValueError(f"Expected a seed of 0 or more; received {seed}; do choose another seed.")


def _write_pictures(draft: Path, images_per_class: int, size: int, seed: int, progress: Progress) -> None:
    draft.mkdir()
    total = images_per_class * len(SAMPLE_CLASSES)
    for done in range(total):
        index, label = done % images_per_class, SAMPLE_CLASSES[done // images_per_class]
        (draft / label).mkdir(exist_ok=True)  # No parents: a draft swept meanwhile must fail, not become half a set.
        picture = draw_image(label, seed * 1_000_003 + index, size)
        picture.save(draft / label / f"{label}-{index:03d}.jpg", quality=92)
        progress(done + 1, total)


def _publish(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        # Another process was first; its set is as good as ours.


def draw_image(label: str, seed: int, size: int = 128) -> Image.Image:
    """An RGB picture of one thing of the class, `size` x `size` pixels; the same arguments give the same pixels."""
    _check_picture(label, seed, size)
    rng = np.random.default_rng([seed, SAMPLE_CLASSES.index(label)])
    return compose(rng, size, DRAWERS[label])
