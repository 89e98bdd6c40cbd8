"""Augmented copies of training images: random changes that depend only on the image, the copy's number and a seed.

Any process can compute the same copy again at any time, so features computed from it can be cached.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi

import cv2
import numpy as np

from core.experiment.run_config import Augmentation, RunConfig

NO_AUGMENTATION = Augmentation(flip=False, rotation=0, zoom=0, contrast=0)


@dataclass(frozen=True)
class AugmentedCopy:
    """Identifies an augmented copy of an image.

    Args:
        augmentation: limits of the random changes.
        number: number of the copy.
        seed: seed of the random changes.
    """

    augmentation: Augmentation
    number: int
    seed: int = 0


def copy_for_epoch(config: RunConfig, epoch: int) -> AugmentedCopy | None:
    """Return the augmented copy that epoch `epoch` (from 0) trains on; None for the unchanged images.

    Copies that repeat are the same for all runs, whatever their seeds, so that runs share cached features.
    """
    if config.views == 1 or config.augmentation == NO_AUGMENTATION:
        return None
    if config.views == 0:
        return AugmentedCopy(config.augmentation, epoch, config.seed)
    return AugmentedCopy(config.augmentation, epoch % config.views)


def copies_in_turn(config: RunConfig) -> int:
    """Return how many copies of each image the epochs use in turn; 0 if every epoch has its own."""
    return 1 if copy_for_epoch(config, 0) is None else config.views


def copy_recurs(config: RunConfig, copy: AugmentedCopy | None) -> bool:
    """Return whether later epochs use this copy again, so that its features are worth caching; no if `views` is 0."""
    return copy is None or config.views > 0


def augment_batch(pixels: np.ndarray, images: Sequence[str], copy: AugmentedCopy | None) -> np.ndarray:
    """Augment (n, H, W, 3) uint8 images, identified by their SHA-256; the result has the same shape and type."""
    if copy is None:
        return pixels
    return np.stack([augment(row, image, copy) for row, image in zip(pixels, images, strict=True)])


def augment(pixels: np.ndarray, image: str, copy: AugmentedCopy) -> np.ndarray:
    """Randomly flip, rotate and zoom one (H, W, 3) uint8 image and change its contrast, within the copy's limits.

    Pixels from outside the image are filled by reflection at its border.
    """
    rng, limits = _random_generator(image, copy), copy.augmentation
    flip = bool(rng.integers(2)) and limits.flip
    angle = rng.uniform(-1, 1) * limits.rotation * 2 * pi
    zoom = 1 + rng.uniform(-1, 1, 2) * limits.zoom
    contrast = 1 + rng.uniform(-1, 1) * limits.contrast
    if replace(limits, contrast=0) != NO_AUGMENTATION:
        height, width = pixels.shape[:2]
        pixels = cv2.warpAffine(
            pixels,
            _affine_matrix(height, width, flip, angle, zoom),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
    return _change_contrast(pixels, contrast) if limits.contrast else pixels


def _random_generator(image: str, copy: AugmentedCopy) -> np.random.Generator:
    key = hashlib.blake2b(f"{copy.seed}:{copy.number}:{image}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(key)))


def _affine_matrix(height: int, width: int, flip: bool, angle: float, zoom: np.ndarray) -> np.ndarray:
    """Return the (2, 3) matrix that maps each pixel of the copy to its source, about the centre of the image."""
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = rotation @ np.diag(zoom * [-1 if flip else 1, 1])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([linear, centre - linear @ centre])


def _change_contrast(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Scale each channel about its mean, with a lookup table of its 256 values."""
    mean = np.array(cv2.mean(pixels)[:3])
    table = (np.arange(256)[:, None] - mean) * factor + mean
    return cv2.LUT(pixels, np.clip(np.rint(table), 0, 255).astype(np.uint8)[None])
