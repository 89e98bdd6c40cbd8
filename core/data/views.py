"""Views: versions of a training image, changed at random, each a function of the image, its number and a seed alone.

So a view can be made again at any time, in any order, by any process, and what was computed from it can be kept.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from math import pi

import cv2
import numpy as np

from core.experiment.run import Augmentation, RunConfig

PLAIN = -1
"""The number of the view that is the image as it is."""

NONE = Augmentation(flip=False, rotation=0, zoom=0, contrast=0)


def view_of(config: RunConfig, epoch: int) -> int:
    """The view that epoch `epoch` (from 0) trains on: one of `config.views` in turn, or a new one each time."""
    if config.views == 1 or config.augmentation == NONE:
        return PLAIN
    return epoch % config.views if config.views else epoch


def view_seed(config: RunConfig) -> int:
    """What views are drawn from. Those that come again are the same for all runs, so that runs share them."""
    return 0 if config.views else config.seed


def make_views(pixels: np.ndarray, images: Sequence[str], augmentation: Augmentation, view: int,
               seed: int = 0) -> np.ndarray:
    """(n, H, W, 3) uint8 images, known by their SHA-256, to the same of their view `view`."""
    if view == PLAIN:
        return pixels
    return np.stack([make_view(one, image, augmentation, view, seed)
                     for one, image in zip(pixels, images, strict=True)])


def make_view(pixels: np.ndarray, image: str, augmentation: Augmentation, view: int, seed: int = 0) -> np.ndarray:
    """One image (H, W, 3) uint8 mirrored, turned, zoomed and changed in contrast, by chance within `augmentation`.

    What turning or zooming out uncovers is filled with the mirrored image.
    """
    chance = _chance(image, view, seed)
    flip = bool(chance.integers(2)) and augmentation.flip
    angle = chance.uniform(-1, 1) * augmentation.rotation * 2 * pi
    zoom = 1 + chance.uniform(-1, 1, 2) * augmentation.zoom
    contrast = 1 + chance.uniform(-1, 1) * augmentation.contrast
    if augmentation != replace(NONE, contrast=augmentation.contrast):
        height, width = pixels.shape[:2]
        pixels = cv2.warpAffine(pixels, _matrix(height, width, flip, angle, zoom), (width, height),
                                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT)
    return _with_contrast(pixels, contrast) if augmentation.contrast else pixels


def _chance(image: str, view: int, seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(int.from_bytes(
        hashlib.blake2b(f"{seed}:{view}:{image}".encode(), digest_size=16).digest())))


def _matrix(height: int, width: int, flip: bool, angle: float, zoom: np.ndarray) -> np.ndarray:
    """(2, 3): where each pixel of the view comes from, about the image's middle."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag(zoom * [-1 if flip else 1, 1])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([linear, middle - linear @ middle])


def _with_contrast(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Each channel stretched about its mean, through a table of its 256 values."""
    mean = np.array(cv2.mean(pixels)[:3])
    table = (np.arange(256)[:, None] - mean) * factor + mean
    return cv2.LUT(pixels, np.clip(np.rint(table), 0, 255).astype(np.uint8)[None])


def describe(augmentation: Augmentation, view: int, seed: int) -> dict[str, object]:
    """What a kept row needs to tell of the view that it was computed from."""
    return {} if view == PLAIN else {"augmentation": asdict(augmentation), "view": view, "seed": seed}
