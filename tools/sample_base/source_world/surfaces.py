"""Surface patterns: each maps the coordinates of an object to values from 0 to 1 that mix its two colours."""

from collections.abc import Callable

import numpy as np

Field = np.ndarray
"""One value per object and pixel: (objects, size, size), float32."""

Surface = Callable[[np.random.Generator, Field, Field, Field], Field]
"""Takes a random generator, both coordinates and smooth noise (each about -1 to 1)."""


def per_object(rng: np.random.Generator, like: Field, low: float, high: float) -> Field:
    """Draw one random number per object of `like`, (objects, 1, 1)."""
    return rng.uniform(low, high, (len(like), 1, 1)).astype(np.float32)


def _wave(phase: Field) -> Field:
    wave: Field = 0.5 + 0.5 * np.sin(phase)
    return wave


def _step(value: Field, width: float = 0.15) -> Field:
    """A step from 0 to 1 at zero, linear over `width`."""
    step: Field = (value / width + 0.5).clip(0, 1)
    return step


def _cells(rng: np.random.Generator, u: Field, v: Field, low: float, high: float) -> tuple[Field, Field]:
    """Divide the plane into squares, `low` to `high` per unit; returns the coordinates in them, -0.5 to 0.5."""
    count = per_object(rng, u, low, high)
    u, v = u * count, v * count
    return u - np.floor(u) - 0.5, v - np.floor(v) - 0.5


def plain(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    shade: Field = 0.1 * _wave(per_object(rng, u, 1, 3) * u + per_object(rng, u, 0, 6))
    return shade


def stripes(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    return _step(np.sin(per_object(rng, u, 8, 26) * u + per_object(rng, u, 0, 6)), 0.5)


def checks(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    pitch = per_object(rng, u, 5, 15)
    return _step(np.sin(pitch * u) * np.sin(pitch * v))


def dots(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    a, b = _cells(rng, u, v, 2, 6)
    return _step(per_object(rng, u, 0.22, 0.36) - np.hypot(a, b), 0.08)


def bricks(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    rows = v * per_object(rng, u, 3, 8)
    row = np.floor(rows)
    along = u * per_object(rng, u, 1.5, 4) + 0.5 * (row % 2)
    gap = np.minimum(np.abs(rows - row - 0.5) * -1 + 0.5, (0.5 - np.abs(along - np.floor(along) - 0.5)) * 2)
    return _step(gap - 0.1, 0.08)


def rings(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    return _step(np.sin(per_object(rng, u, 12, 32) * np.hypot(u, v) + per_object(rng, u, 0, 6)), 0.6)


def spiral(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    arms = rng.choice([-3, -2, 2, 3], (len(u), 1, 1)).astype(np.float32)
    return _step(np.sin(arms * np.arctan2(v, u) + per_object(rng, u, 8, 18) * np.hypot(u, v)), 0.6)


def rays(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    count = rng.integers(4, 10, (len(u), 1, 1)).astype(np.float32)
    return _step(np.sin(count * np.arctan2(v, u) + per_object(rng, u, 0, 6)), 0.6)


def ripples(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    bend = per_object(rng, u, 0.8, 2) * np.sin(per_object(rng, u, 5, 11) * v)
    return _wave(per_object(rng, u, 10, 22) * u + bend)


def marble(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    veins: Field = 1 - np.abs(np.sin(per_object(rng, u, 2, 5) * u + per_object(rng, u, 2, 4) * noise)) ** 0.5
    return veins


def clouds(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    clouds: Field = (0.5 + per_object(rng, u, 0.4, 0.8) * noise).clip(0, 1)
    return clouds


def speckle(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    grain = rng.random(u.shape, np.float32)
    return _step(grain - per_object(rng, u, 0.6, 0.9), 0.3)


def patches(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    """Patches with sharp edges, as on camouflage."""
    return _step(noise - per_object(rng, u, -0.2, 0.2), 0.06)


def weave(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    count = per_object(rng, u, 3, 8)
    over = (np.floor(u * count) + np.floor(v * count)) % 2
    across, along = np.abs(np.sin(np.pi * u * count)), np.abs(np.sin(np.pi * v * count))
    threads: Field = np.where(over > 0, across, along * 0.6)
    return threads


def hatch(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    a, b = _cells(rng, u, v, 3, 8)
    return _step(0.09 - np.minimum(np.abs(a), np.abs(b)), 0.08)


def scales(rng: np.random.Generator, u: Field, v: Field, noise: Field) -> Field:
    count = per_object(rng, u, 3, 7)
    rows = v * count * 1.6
    row = np.floor(rows)
    a = u * count + 0.5 * (row % 2)
    scales: Field = np.hypot(a - np.floor(a) - 0.5, rows - row).clip(0, 1) ** 2
    return scales


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
