"""Outlines of objects, given by the radius in each direction and the relative size of a central hole."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ANGLES = 512
"""Number of directions with a stored radius; lookups round down to one of them."""
_DIRECTIONS = np.linspace(-np.pi, np.pi, ANGLES, endpoint=False)


@dataclass(frozen=True)
class Outline:
    """A star-shaped outline: every ray from the centre crosses it once.

    Attributes:
        radii: (ANGLES,), for angles from -pi, at most 1.
        hole: fraction of each radius that is empty.
    """

    radii: np.ndarray
    hole: float = 0.0


def _from_radius(radius: Callable[[np.ndarray], np.ndarray], hole: float = 0.0) -> Outline:
    radii = np.asarray(radius(_DIRECTIONS), np.float32)
    return Outline(radii / radii.max(), hole)


def _polygon(*corners: tuple[float, float], hole: float = 0.0) -> Outline:
    """Outline of a polygon with these corners around the origin; intersects rays with its edges to find the radii."""
    points = np.array(corners)
    starts, edges = points, np.roll(points, -1, axis=0) - points
    rays = np.stack([np.cos(_DIRECTIONS), np.sin(_DIRECTIONS)], -1)[:, None]
    determinant = _cross(rays, edges)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach, along = _cross(starts, edges) / determinant, _cross(starts, rays) / determinant
    intersects = (reach > 0) & (along >= -1e-9) & (along <= 1 + 1e-9)
    radii = np.where(intersects, reach, 0).max(axis=1)
    return Outline((radii / radii.max()).astype(np.float32), hole)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    product: np.ndarray = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def _regular(corners: int, inner: float = 1.0) -> Outline:
    """Outline of a regular polygon; with `inner` below 1 of a star whose inner corners have this radius."""
    count = corners if inner == 1 else 2 * corners
    angles = np.pi / 2 + 2 * np.pi * np.arange(count) / count
    reach = np.where(np.arange(count) % 2 == 0, 1, inner)
    return _polygon(*zip(reach * np.cos(angles), reach * np.sin(angles), strict=True))


def _rectangle(width: float, hole: float = 0.0) -> Outline:
    return _polygon((-width, -1), (width, -1), (width, 1), (-width, 1), hole=hole)


OUTLINES: dict[str, Outline] = {
    "disc": _from_radius(np.ones_like),
    "oval": _from_radius(lambda a: 1 / np.hypot(np.cos(a) / 0.5, np.sin(a))),
    "ring": _from_radius(np.ones_like, hole=0.55),
    "triangle": _regular(3),
    "square": _rectangle(1),
    "bar": _rectangle(0.32),
    "frame": _rectangle(0.9, hole=0.62),
    "hexagon": _regular(6),
    "star": _regular(5, 0.45),
    "burst": _regular(9, 0.6),
    "gear": _from_radius(lambda a: 1 - 0.22 * (np.sin(8 * a) > 0)),
    "flower": _from_radius(lambda a: 1 + 0.32 * np.cos(6 * a)),
    "trefoil": _from_radius(lambda a: 1 + 0.5 * np.cos(3 * a)),
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
    "drop": _from_radius(lambda a: 0.45 + 0.55 * np.exp(-(((a - np.pi / 2) / 0.55) ** 2))),
    "arrow": _polygon((0, 1), (-0.8, 0.1), (-0.3, 0.1), (-0.3, -1), (0.3, -1), (0.3, 0.1), (0.8, 0.1)),
}
