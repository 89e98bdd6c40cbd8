"""Computes colour and edge features of images, which the sample base learns to predict in pretraining.

They are histograms of colours and of gradient directions (HOG; Dalal and Triggs, 2005) in a grid of cells. A network
that learns only the names of objects discards such information. MaskFeat (arXiv 2112.09133) pretrains on HOG too.
"""

from typing import Final

import cv2
import numpy as np

CELLS: Final = 3
"""Rows and columns of cells; at 96 px a cell covers the same area as one position of the last feature map."""
BINS: Final = 8
"""Number of bins per channel of Lab, and number of edge directions."""
SCALES: Final = 3
"""Number of image scales; each has half the width of the previous one."""

_AB = 80, 100
"""Start and length of the range of OpenCV's a and b in nearly all images."""


def colours(pixels: np.ndarray) -> np.ndarray:
    """Compute the square roots of the histograms of L, a and b in each cell of the images, (count, 216) float32."""
    lab = _convert_colours(pixels, cv2.COLOR_RGB2LAB)
    bins = np.stack(
        [
            lab[..., 0] // (256 // BINS),
            *((lab[..., channel].astype(np.int16) - _AB[0]) * BINS // _AB[1] for channel in (1, 2)),
        ],
        -1,
    ).clip(0, BINS - 1)
    indices = (_cell_indices(len(lab), lab.shape[1])[..., None] * 3 + np.arange(3)) * BINS + bins
    counts = np.bincount(indices.ravel(), minlength=len(lab) * CELLS**2 * 3 * BINS).reshape(-1, 3, BINS)
    roots: np.ndarray = np.sqrt(counts / counts.sum(2, keepdims=True)).reshape(len(lab), -1)
    return roots.astype(np.float32)


def edges(pixels: np.ndarray) -> np.ndarray:
    """Compute the strength of edges by direction, cell and scale, (count, 432) float32.

    Each strength is given relative to the other directions of the cell, and as the logarithm of its absolute value.
    """
    grey, features = _convert_colours(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32), []
    for _ in range(SCALES):
        strength = _edge_strengths(grey)
        length = np.linalg.norm(strength, axis=-1, keepdims=True)
        features += [strength / (length + 1), np.log1p(strength)]
        half = grey.shape[1] // 2
        grey = grey[:, : 2 * half, : 2 * half].reshape(-1, half, 2, half, 2).mean((2, 4))
    return np.concatenate(features, -1).reshape(len(grey), -1).astype(np.float32)


def _convert_colours(pixels: np.ndarray, code: int) -> np.ndarray:
    """Convert RGB images, (count, size, size, 3) uint8, in one call as one tall image; `code` is OpenCV's."""
    count, size = pixels.shape[:2]
    converted: np.ndarray = cv2.cvtColor(np.ascontiguousarray(pixels).reshape(count * size, size, 3), code)
    return converted.reshape(count, size, *converted.shape[1:])


def _cell_indices(count: int, size: int) -> np.ndarray:
    """Return the index of each pixel's cell, numbered consecutively over all images: (count, size, size)."""
    row = np.arange(size) * CELLS // size
    indices: np.ndarray = row[:, None] * CELLS + row + np.arange(count)[:, None, None] * CELLS**2
    return indices


def _edge_strengths(grey: np.ndarray) -> np.ndarray:
    """Compute the mean strength of edges of each direction in each cell: (count, cells, directions)."""
    count, size = grey.shape[:2]
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    direction = (np.arctan2(down, across) % np.pi * (BINS / np.pi)).astype(int) % BINS
    indices = _cell_indices(count, size) * BINS + direction
    sums = np.bincount(indices.ravel(), np.hypot(across, down).ravel(), minlength=count * CELLS**2 * BINS)
    means: np.ndarray = sums.reshape(count, CELLS**2, BINS) / (size / CELLS) ** 2
    return means
