"""Outlines as radii: how far a thing reaches in each direction, and how much of its middle is a hole."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ANGLES = 512
"""Directions in which a radius is known; between them the nearest counts."""
_DIRECTIONS = np.linspace(-np.pi, np.pi, ANGLES, endpoint=False)


@dataclass(frozen=True)
class Outline:
    """A star-shaped outline.

    Attributes:
        radii: (ANGLES,) from -pi on, at most 1.
        hole: what part of each radius is empty.
    """

    radii: np.ndarray
    hole: float = 0.0


def _of(radius: Callable[[np.ndarray], np.ndarray], hole: float = 0.0) -> Outline:
    radii = np.asarray(radius(_DIRECTIONS), np.float32)
    return Outline(radii / radii.max(), hole)


def _polygon(*corners: tuple[float, float], hole: float = 0.0) -> Outline:
    """From corners that go round the origin once: where the ray in each direction meets its edge."""
    points = np.array(corners)
    starts, edges = points, np.roll(points, -1, axis=0) - points
    rays = np.stack([np.cos(_DIRECTIONS), np.sin(_DIRECTIONS)], -1)[:, None]
    crossed = _cross(rays, edges)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach, along = _cross(starts, edges) / crossed, _cross(starts, rays) / crossed
    met = (reach > 0) & (along >= -1e-9) & (along <= 1 + 1e-9)
    radii = np.where(met, reach, 0).max(axis=1)
    return Outline((radii / radii.max()).astype(np.float32), hole)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _regular(corners: int, inner: float = 1.0) -> Outline:
    """A regular polygon; with `inner` below 1 a star whose inner corners lie so far out."""
    count = corners if inner == 1 else 2 * corners
    angles = np.pi / 2 + 2 * np.pi * np.arange(count) / count
    reach = np.where(np.arange(count) % 2 == 0, 1, inner)
    return _polygon(*zip(reach * np.cos(angles), reach * np.sin(angles), strict=True))


def _rectangle(width: float, hole: float = 0.0) -> Outline:
    return _polygon((-width, -1), (width, -1), (width, 1), (-width, 1), hole=hole)


OUTLINES: dict[str, Outline] = {
    "disc": _of(np.ones_like),
    "oval": _of(lambda a: 1 / np.hypot(np.cos(a) / 0.5, np.sin(a))),
    "ring": _of(np.ones_like, hole=0.55),
    "triangle": _regular(3),
    "square": _rectangle(1),
    "bar": _rectangle(0.32),
    "frame": _rectangle(0.9, hole=0.62),
    "hexagon": _regular(6),
    "star": _regular(5, 0.45),
    "burst": _regular(9, 0.6),
    "gear": _of(lambda a: 1 - 0.22 * (np.sin(8 * a) > 0)),
    "flower": _of(lambda a: 1 + 0.32 * np.cos(6 * a)),
    "trefoil": _of(lambda a: 1 + 0.5 * np.cos(3 * a)),
    "cross": _polygon(
        *(
            (x, y)
            for x, y in (
                (0.3, 0.3),
                (0.3, 1),
                (-0.3, 1),
                (-0.3, 0.3),
                (-1, 0.3),
                (-1, -0.3),
                (-0.3, -0.3),
                (-0.3, -1),
                (0.3, -1),
                (0.3, -0.3),
                (1, -0.3),
                (1, 0.3),
            )
        )
    ),
    "drop": _of(lambda a: 0.45 + 0.55 * np.exp(-(((a - np.pi / 2) / 0.55) ** 2))),
    "arrow": _polygon((0, 1), (-0.8, 0.1), (-0.3, 0.1), (-0.3, -1), (0.3, -1), (0.3, 0.1), (0.8, 0.1)),
}
