"""Views: versions of a training image, changed at random, each a function of the image, its number and a seed alone.

So a view can be made again at any time, in any order, by any process, and what was computed from it can be kept.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi

import cv2
import numpy as np

from core.experiment.run_config import Augmentation, RunConfig

NONE = Augmentation(flip=False, rotation=0, zoom=0, contrast=0)


@dataclass(frozen=True)
class AugmentedCopy:
    """Which version of an image: within which bounds it was changed, its number, and what chance is drawn from."""

    augmentation: Augmentation
    number: int
    seed: int = 0


def copy_for_epoch(config: RunConfig, epoch: int) -> AugmentedCopy | None:
    """The view that epoch `epoch` (from 0) trains on; None for images as they are.

    Views that come again are the same for all runs, whatever their seeds, so that runs share what is kept of them.
    """
    if config.views == 1 or config.augmentation == NONE:
        return None
    if config.views == 0:
        return AugmentedCopy(config.augmentation, epoch, config.seed)
    return AugmentedCopy(config.augmentation, epoch % config.views)


def augment_batch(pixels: np.ndarray, images: Sequence[str], view: AugmentedCopy | None) -> np.ndarray:
    """(n, H, W, 3) uint8 images, known by their SHA-256, to the same of one view of each."""
    if view is None:
        return pixels
    return np.stack([augment(one, image, view) for one, image in zip(pixels, images, strict=True)])


def augment(pixels: np.ndarray, image: str, view: AugmentedCopy) -> np.ndarray:
    """One image (H, W, 3) uint8 mirrored, turned, zoomed and changed in contrast, by chance within its bounds.

    What turning or zooming out uncovers is filled with the mirrored image.
    """
    chance, bounds = _chance(image, view), view.augmentation
    flip = bool(chance.integers(2)) and bounds.flip
    angle = chance.uniform(-1, 1) * bounds.rotation * 2 * pi
    zoom = 1 + chance.uniform(-1, 1, 2) * bounds.zoom
    contrast = 1 + chance.uniform(-1, 1) * bounds.contrast
    if replace(bounds, contrast=0) != NONE:
        height, width = pixels.shape[:2]
        pixels = cv2.warpAffine(
            pixels,
            _matrix(height, width, flip, angle, zoom),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
    return _with_contrast(pixels, contrast) if bounds.contrast else pixels


def _chance(image: str, view: AugmentedCopy) -> np.random.Generator:
    key = hashlib.blake2b(f"{view.seed}:{view.number}:{image}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(key)))


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
