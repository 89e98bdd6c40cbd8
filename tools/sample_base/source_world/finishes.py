"""Finishes: what the skin of a thing does to light, whatever its pattern."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from tools.sample_base.source_world.surfaces import Field, each


class Skin(NamedTuple):
    """What a finish makes of things at each pixel, all of shape (things, size, size).

    Attributes:
        u, v: their own coordinates, about -1 to 1.
        out: 0 in the middle of a thing, 1 at its edge.
        noise: soft, about -1 to 1.
        facing: how far each pixel lies towards the light, about -1 to 1.
    """

    u: Field
    v: Field
    out: Field
    noise: Field
    facing: Field


class Lit(NamedTuple):
    """Of each pixel: by what its colour is multiplied, what white light is added, and how little shines through."""

    shade: Field | float
    shine: Field | float = 0.0
    opacity: Field | float = 1.0


Finish = Callable[[np.random.Generator, Skin], Lit]


def matt(rng: np.random.Generator, skin: Skin) -> Lit:
    return Lit(1 + each(rng, skin.u, 0, 0.5) * skin.facing * skin.out)


def glossy(rng: np.random.Generator, skin: Skin) -> Lit:
    """A ball's highlight, and the dim edge that goes with it."""
    spot = np.exp(-each(rng, skin.u, 8, 30) * ((skin.facing - 0.45) ** 2 + 0.5 * (skin.u - skin.v) ** 2 * skin.out))
    return Lit(1.05 - 0.4 * skin.out**2 + 0.3 * skin.facing, each(rng, skin.u, 0.4, 0.9) * spot)


def metallic(rng: np.random.Generator, skin: Skin) -> Lit:
    """Hard streaks, light and dark, as of a room seen in a bent sheet."""
    bend = each(rng, skin.u, 0.2, 1.2) * skin.noise
    streaks = np.sin(each(rng, skin.u, 4, 9) * (skin.facing + 0.4 * bend) + each(rng, skin.u, 0, 6))
    return Lit(0.85 + 0.55 * np.tanh(2 * streaks), 0.5 * (streaks > 0.85))


def clear(rng: np.random.Generator, skin: Skin) -> Lit:
    """Seen through in the middle, dense at the rim, with a streak of light."""
    streak = np.exp(-60 * (skin.facing - each(rng, skin.u, 0.2, 0.6)) ** 2)
    opacity = each(rng, skin.u, 0.15, 0.45) + 0.6 * skin.out**4
    return Lit(0.8 + 0.4 * (1 - skin.out), 0.7 * streak, np.maximum(opacity, 0.8 * streak))


def crumpled(rng: np.random.Generator, skin: Skin) -> Lit:
    """Creases between facets, each tilted its own way."""
    height = np.abs(skin.noise) + 0.5 * np.abs(skin.noise - 0.4)
    return Lit(0.95 + each(rng, skin.u, 3, 7) * _slope(height) - 0.35 * np.exp(-14 * np.abs(skin.noise)))


def dented(rng: np.random.Generator, skin: Skin) -> Lit:
    return Lit(0.95 + each(rng, skin.u, 3, 8) * _slope(skin.noise))


def ribbed(rng: np.random.Generator, skin: Skin) -> Lit:
    along = np.where(rng.random((len(skin.u), 1, 1)) < 0.5, skin.u, skin.v)
    return Lit(0.92 + each(rng, skin.u, 0.12, 0.35) * np.sin(each(rng, skin.u, 14, 40) * along))


def printed(rng: np.random.Generator, skin: Skin) -> Lit:
    """Rows of dark marks of different lengths, as of words."""
    rows, columns = skin.v * each(rng, skin.u, 3, 8), skin.u * each(rng, skin.u, 4, 12)
    word = np.modf(np.abs(np.sin(12.9898 * np.floor(rows) + 78.233 * np.floor(columns))) * 43758.5453)[0]
    on = (np.abs(rows - np.floor(rows) - 0.5) < 0.26) & (word > 0.35) & (skin.out < 0.8)
    return Lit(np.where(on, each(rng, skin.u, 0.1, 0.6), 1.0))


def _slope(height: Field) -> Field:
    """How a relief tilts towards one corner."""
    slope = np.zeros_like(height)
    slope[:, 1:, 1:] = height[:, 1:, 1:] - height[:, :-1, :-1]
    return slope * (height.shape[1] / 96)


FINISHES: Final[dict[str, Finish]] = {
    finish.__name__: finish for finish in (matt, glossy, metallic, clear, crumpled, dented, ribbed, printed)
}
