"""Finishes: how the surface of an object reflects and transmits light, independent of its pattern."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from tools.sample_base.source_world.surfaces import Field, per_object


class Geometry(NamedTuple):
    """Inputs of a finish at each pixel, all of shape (objects, size, size).

    Attributes:
        u, v: coordinates relative to the object, about -1 to 1.
        radial: 0 at the centre of the object, 1 at its edge.
        noise: smooth noise, about -1 to 1.
        facing: position along the direction of the light, about -1 to 1.
    """

    u: Field
    v: Field
    radial: Field
    noise: Field
    facing: Field


class Lighting(NamedTuple):
    """Effect of a finish at each pixel: factor of the colour, added white light, opacity."""

    shade: Field | float
    shine: Field | float = 0.0
    opacity: Field | float = 1.0


Finish = Callable[[np.random.Generator, Geometry], Lighting]


def matt(rng: np.random.Generator, g: Geometry) -> Lighting:
    return Lighting(1 + per_object(rng, g.u, 0, 0.5) * g.facing * g.radial)


def glossy(rng: np.random.Generator, g: Geometry) -> Lighting:
    """A bright highlight as on a ball, and a darker edge."""
    spot = np.exp(-per_object(rng, g.u, 8, 30) * ((g.facing - 0.45) ** 2 + 0.5 * (g.u - g.v) ** 2 * g.radial))
    return Lighting(1.05 - 0.4 * g.radial**2 + 0.3 * g.facing, per_object(rng, g.u, 0.4, 0.9) * spot)


def metallic(rng: np.random.Generator, g: Geometry) -> Lighting:
    """Sharp light and dark streaks, as reflected by bent sheet metal."""
    bend = per_object(rng, g.u, 0.2, 1.2) * g.noise
    streaks = np.sin(per_object(rng, g.u, 4, 9) * (g.facing + 0.4 * bend) + per_object(rng, g.u, 0, 6))
    return Lighting(0.85 + 0.55 * np.tanh(2 * streaks), 0.5 * (streaks > 0.85))


def clear(rng: np.random.Generator, g: Geometry) -> Lighting:
    """Transparent in the middle, opaque at the rim, with a streak of light."""
    streak = np.exp(-60 * (g.facing - per_object(rng, g.u, 0.2, 0.6)) ** 2)
    opacity = per_object(rng, g.u, 0.15, 0.45) + 0.6 * g.radial**4
    return Lighting(0.8 + 0.4 * (1 - g.radial), 0.7 * streak, np.maximum(opacity, 0.8 * streak))


def crumpled(rng: np.random.Generator, g: Geometry) -> Lighting:
    """Creases between tilted facets."""
    height = np.abs(g.noise) + 0.5 * np.abs(g.noise - 0.4)
    return Lighting(0.95 + per_object(rng, g.u, 3, 7) * _slope(height) - 0.35 * np.exp(-14 * np.abs(g.noise)))


def dented(rng: np.random.Generator, g: Geometry) -> Lighting:
    return Lighting(0.95 + per_object(rng, g.u, 3, 8) * _slope(g.noise))


def ribbed(rng: np.random.Generator, g: Geometry) -> Lighting:
    along = np.where(rng.random((len(g.u), 1, 1)) < 0.5, g.u, g.v)
    return Lighting(0.92 + per_object(rng, g.u, 0.12, 0.35) * np.sin(per_object(rng, g.u, 14, 40) * along))


def printed(rng: np.random.Generator, g: Geometry) -> Lighting:
    """Rows of dark marks of different lengths, as printed words."""
    rows, columns = g.v * per_object(rng, g.u, 3, 8), g.u * per_object(rng, g.u, 4, 12)
    word = np.modf(np.abs(np.sin(12.9898 * np.floor(rows) + 78.233 * np.floor(columns))) * 43758.5453)[0]
    on = (np.abs(rows - np.floor(rows) - 0.5) < 0.26) & (word > 0.35) & (g.radial < 0.8)
    return Lighting(np.where(on, per_object(rng, g.u, 0.1, 0.6), 1.0))


def _slope(height: Field) -> Field:
    """Slope of a height field along the diagonal, scaled to images of 96 px."""
    slope = np.zeros_like(height)
    slope[:, 1:, 1:] = height[:, 1:, 1:] - height[:, :-1, :-1]
    scaled: Field = slope * (height.shape[1] / 96)
    return scaled


FINISHES: Final[dict[str, Finish]] = {
    finish.__name__: finish for finish in (matt, glossy, metallic, clear, crumpled, dented, ribbed, printed)
}
