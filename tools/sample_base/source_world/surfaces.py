"""Surfaces as fields: from the coordinates of a thing to values in 0 to 1 that its two colours are mixed by."""

from collections.abc import Callable

import numpy as np

Field = np.ndarray
"""(things, size, size), float32."""

Surface = Callable[[np.random.Generator, Field, Field, Field], Field]
"""Of random numbers, both coordinates (about -1 to 1) and soft noise (about -1 to 1)."""


def each(rng: np.random.Generator, like: Field, low: float, high: float) -> Field:
    """A number for each thing."""
    return rng.uniform(low, high, (len(like), 1, 1)).astype(np.float32)


def _wave(phase: Field) -> Field:
    return 0.5 + 0.5 * np.sin(phase)


def _step(value: Field, width: float = 0.15) -> Field:
    """0 below zero, 1 above, over a soft edge."""
    return (value / width + 0.5).clip(0, 1)


def _cells(rng: np.random.Generator, u: Field, v: Field, low: float, high: float) -> tuple[Field, Field]:
    """Squares side by side, so many across: the coordinates in them, -0.5 to 0.5."""
    count = each(rng, u, low, high)
    u, v = u * count, v * count
    return u - np.floor(u) - 0.5, v - np.floor(v) - 0.5


def plain(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    return 0.1 * _wave(each(rng, u, 1, 3) * u + each(rng, u, 0, 6))


def stripes(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    return _step(np.sin(each(rng, u, 8, 26) * u + each(rng, u, 0, 6)), 0.5)


def checks(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    pitch = each(rng, u, 5, 15)
    return _step(np.sin(pitch * u) * np.sin(pitch * v))


def dots(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    a, b = _cells(rng, u, v, 2, 6)
    return _step(each(rng, u, 0.22, 0.36) - np.hypot(a, b), 0.08)


def bricks(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    rows = v * each(rng, u, 3, 8)
    row = np.floor(rows)
    along = u * each(rng, u, 1.5, 4) + 0.5 * (row % 2)
    gap = np.minimum(np.abs(rows - row - 0.5) * -1 + 0.5, (0.5 - np.abs(along - np.floor(along) - 0.5)) * 2)
    return _step(gap - 0.1, 0.08)


def rings(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    return _step(np.sin(each(rng, u, 12, 32) * np.hypot(u, v) + each(rng, u, 0, 6)), 0.6)


def spiral(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    arms = rng.choice([-3, -2, 2, 3], (len(u), 1, 1)).astype(np.float32)
    return _step(np.sin(arms * np.arctan2(v, u) + each(rng, u, 8, 18) * np.hypot(u, v)), 0.6)


def rays(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    count = rng.integers(4, 10, (len(u), 1, 1)).astype(np.float32)
    return _step(np.sin(count * np.arctan2(v, u) + each(rng, u, 0, 6)), 0.6)


def ripples(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    bend = each(rng, u, 0.8, 2) * np.sin(each(rng, u, 5, 11) * v)
    return _wave(each(rng, u, 10, 22) * u + bend)


def marble(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    return 1 - np.abs(np.sin(each(rng, u, 2, 5) * u + each(rng, u, 2, 4) * noise)) ** 0.5


def clouds(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    return (0.5 + each(rng, u, 0.4, 0.8) * noise).clip(0, 1)


def speckle(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    grain = rng.random(u.shape, np.float32)
    return _step(grain - each(rng, u, 0.6, 0.9), 0.3)


def patches(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    """Islands with hard shores, as of camouflage."""
    return _step(noise - each(rng, u, -0.2, 0.2), 0.06)


def weave(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    count = each(rng, u, 3, 8)
    over = (np.floor(u * count) + np.floor(v * count)) % 2
    across, along = np.abs(np.sin(np.pi * u * count)), np.abs(np.sin(np.pi * v * count))
    return np.where(over > 0, across, along * 0.6)


def hatch(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    a, b = _cells(rng, u, v, 3, 8)
    return _step(0.09 - np.minimum(np.abs(a), np.abs(b)), 0.08)


def scales(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    count = each(rng, u, 3, 7)
    rows = v * count * 1.6
    row = np.floor(rows)
    a = u * count + 0.5 * (row % 2)
    return np.hypot(a - np.floor(a) - 0.5, rows - row).clip(0, 1) ** 2


SURFACES: dict[str, Surface] = {
    surface.__name__: surface
    for surface in (
        plain,
        stripes,
        checks,
        dots,
        bricks,
        rings,
        spiral,
        rays,
        ripples,
        marble,
        clouds,
        speckle,
        patches,
        weave,
        hatch,
        scales,
    )
}
