"""The built-in sample data set: ten classes of waste, drawn by the program and identical on every machine."""

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
VERSION = "v2"  # increase when the drawing changes; folders of other versions are left unchanged
README = """Ten classes of waste, {images} images each, {size} x {size} pixels, seed {seed}.

Drawn by the program, to try it out. They are not photos: a model that does well here shows
that training works, not that it can classify real waste.
"""

_DAY = 24 * 3600
_UNFINISHED = ".{name}-unfinished-"  # long, so that it matches no other hidden folder of the user

Progress = Callable[[int, int], None]


def sample_folder(progress: Progress | None = None) -> Path:
    """Return the folder of the sample set with default settings; it is drawn on the first call."""
    return write_sample(sample_set_folder() / VERSION, progress=progress)


def write_sample(
    folder: Path, images_per_class: int = 60, size: int = 128, seed: int = 0, progress: Progress | None = None
) -> Path:
    """Write the images `<folder>/<class>/<class>-000.jpg` etc. atomically; an existing folder is left unchanged.

    `progress(done, total)` is called after every image; if it raises an error, no files are left on disk.
    Raises `ValueError` for invalid arguments.
    """
    folder = Path(folder)
    unfinished = _UNFINISHED.format(name=folder.name)
    # Before the check for an existing set: the call right after a killed one comes too early to remove its folder.
    _remove_stale(folder.parent, unfinished)
    if folder.is_dir():
        return folder
    _check_arguments(folder, images_per_class, size, seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=unfinished, dir=folder.parent, ignore_cleanup_errors=True) as temporary:
        draft = Path(temporary) / folder.name  # one level down: unlike mkdtemp, mkdir lets other users read the folder
        _write_images(draft, images_per_class, size, seed, progress or (lambda done, total: None))
        readme = README.format(images=images_per_class, size=size, seed=seed)
        (draft / "README.txt").write_text(readme, encoding="utf-8")
        _move_into_place(draft, folder)
    return folder


def _remove_stale(parent: Path, unfinished: str) -> None:
    """Remove temporary folders older than a day: their processes were killed before they could remove them."""
    with suppress(OSError):  # `parent` does not exist yet, or another process removes the same folders
        for path in parent.iterdir():
            if path.name.startswith(unfinished) and time.time() - path.stat().st_mtime > _DAY:
                shutil.rmtree(path, ignore_errors=True)


def _check_arguments(folder: Path, images_per_class: int, size: int, seed: int) -> None:
    if folder.exists():
        raise ValueError(f"Expected a folder or an unused path; received the file {folder}; choose another path.")
    if images_per_class < 1:
        raise ValueError(f"Expected at least 1 image per class; received {images_per_class}; request more.")
    _check_image_arguments(SAMPLE_CLASSES[0], seed, size)


def _check_image_arguments(label: str, seed: int, size: int) -> None:
    if label not in SAMPLE_CLASSES:
        raise ValueError(f"Expected one of {', '.join(SAMPLE_CLASSES)}; received {label!r}; choose one of these.")
    if size < 32:
        raise ValueError(f"Expected a size of at least 32 pixels; received {size}; request a larger image.")
    if seed < 0:
        raise ValueError(f"Expected a seed of 0 or more; received {seed}; choose another seed.")


def _write_images(draft: Path, images_per_class: int, size: int, seed: int, progress: Progress) -> None:
    draft.mkdir()
    total = images_per_class * len(SAMPLE_CLASSES)
    for done in range(total):
        index, label = done % images_per_class, SAMPLE_CLASSES[done // images_per_class]
        # Without parents: if the draft was removed meanwhile, fail instead of writing half a set.
        (draft / label).mkdir(exist_ok=True)
        image = draw_image(label, seed * 1_000_003 + index, size)
        image.save(draft / label / f"{label}-{index:03d}.jpg", quality=92)
        progress(done + 1, total)


def _move_into_place(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        # Another process has written the set already; keep that one.


def draw_image(label: str, seed: int, size: int = 128) -> Image.Image:
    """Draw an RGB image of one object of the class, `size` x `size` pixels; equal arguments give equal pixels.

    Raises `ValueError` for an unknown class, a negative seed and fewer than 32 pixels.
    """
    _check_image_arguments(label, seed, size)
    rng = np.random.default_rng([seed, SAMPLE_CLASSES.index(label)])
    return compose(rng, size, DRAWERS[label])
