"""What a picture looks like, measured from its pixels: which colours are where, and which edges.

Targets for a network that shall keep what names of things make it forget. Histograms of colours in cells, and of
gradients' directions as in HOG (Dalal and Triggs, 2005); as a target of pretraining: MaskFeat (arXiv 2112.09133).
"""

from typing import Final

import cv2
import numpy as np

CELLS: Final = 3
"""Rows and columns of cells; at 96 px a cell is what one place of the last feature map stands over."""
BINS: Final = 8
"""Shades of each channel of Lab, and directions of an edge."""
SCALES: Final = 3
"""Each with half the pixels of the one before in a row."""

_AB = 80, 100
"""Where OpenCV's a and b begin, and how far they reach, in nearly all pictures."""


def colours(pixels: np.ndarray) -> np.ndarray:
    """Square roots of the shares of each shade of L, a and b in each cell of pictures, (count, 216) float32."""
    lab = _converted(pixels, cv2.COLOR_RGB2LAB)
    shades = np.stack(
        [
            lab[..., 0] // (256 // BINS),
            *((lab[..., channel].astype(np.int16) - _AB[0]) * BINS // _AB[1] for channel in (1, 2)),
        ],
        -1,
    ).clip(0, BINS - 1)
    places = (_cells(len(lab), lab.shape[1])[..., None] * 3 + np.arange(3)) * BINS + shades
    counts = np.bincount(places.ravel(), minlength=len(lab) * CELLS**2 * 3 * BINS).reshape(-1, 3, BINS)
    return np.sqrt(counts / counts.sum(2, keepdims=True)).reshape(len(lab), -1).astype(np.float32)


def edges(pixels: np.ndarray) -> np.ndarray:
    """How strong edges of each direction are in each cell of pictures, at each scale: (count, 432) float32.

    Both relative to the cell's other directions and, as a logarithm, absolute.
    """
    grey, found = _converted(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32), []
    for _ in range(SCALES):
        strength = _strengths(grey)
        length = np.linalg.norm(strength, axis=-1, keepdims=True)
        found += [strength / (length + 1), np.log1p(strength)]
        half = grey.shape[1] // 2
        grey = grey[:, : 2 * half, : 2 * half].reshape(-1, half, 2, half, 2).mean((2, 4))
    return np.concatenate(found, -1).reshape(len(grey), -1).astype(np.float32)


def _converted(pixels: np.ndarray, to: int) -> np.ndarray:
    """Of pictures, (count, size, size, 3) uint8 RGB: all in one call, as one high picture."""
    count, size = pixels.shape[:2]
    converted = cv2.cvtColor(np.ascontiguousarray(pixels).reshape(count * size, size, 3), to)
    return converted.reshape(count, size, *converted.shape[1:])


def _cells(count: int, size: int) -> np.ndarray:
    """The number of each pixel's cell, counted on from picture to picture: (count, size, size)."""
    row = np.arange(size) * CELLS // size
    return row[:, None] * CELLS + row + np.arange(count)[:, None, None] * CELLS**2


def _strengths(grey: np.ndarray) -> np.ndarray:
    """Mean strength of the edges of each direction in each cell: (count, cells, directions)."""
    count, size = grey.shape[:2]
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    direction = (np.arctan2(down, across) % np.pi * (BINS / np.pi)).astype(int) % BINS
    places = _cells(count, size) * BINS + direction
    sums = np.bincount(places.ravel(), np.hypot(across, down).ravel(), minlength=count * CELLS**2 * BINS)
    return sums.reshape(count, CELLS**2, BINS) / (size / CELLS) ** 2
