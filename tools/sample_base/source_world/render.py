"""Batches of pictures of the source world: things before grounds, in some light, seen by a plain camera."""

from typing import Final, NamedTuple

import cv2
import numpy as np

from tools.sample_base.source_world.finishes import FINISHES, Lit, Skin
from tools.sample_base.source_world.outlines import ANGLES, OUTLINES
from tools.sample_base.source_world.surfaces import SURFACES, Field

CLASSES: Final = tuple(
    f"{finish} {surface} {outline}" for outline in OUTLINES for surface in SURFACES for finish in FINISHES
)

_RADII = np.stack([outline.radii for outline in OUTLINES.values()])
_HOLES = np.array([outline.hole for outline in OUTLINES.values()], np.float32)
_SURFACES, _FINISHES = tuple(SURFACES.values()), tuple(FINISHES.values())


class Drawn(NamedTuple):
    """Pictures, (count, size, size, 3) uint8 RGB, and what is on them, each (count,) int32."""

    pixels: np.ndarray
    outlines: np.ndarray
    surfaces: np.ndarray
    finishes: np.ndarray
    grounds: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        """Numbers of `CLASSES`."""
        return (self.outlines * len(SURFACES) + self.surfaces) * len(FINISHES) + self.finishes


def draw_batch(seed: tuple[int, ...], count: int, size: int = 96) -> Drawn:
    """So many pictures, each of one thing of any class; the same arguments draw the same pixels.

    Raises `ValueError` for less than one picture or fewer than 32 pixels.
    """
    if count < 1 or size < 32:
        raise ValueError(f"Expected 1 picture or more of 32 pixels or more; received {count} of {size}. Ask for more.")
    rng = np.random.default_rng(seed)
    things, grounds = _any_things(rng, count), rng.integers(len(SURFACES), size=count, dtype=np.int32)
    soft = _Noise(rng, count, size)
    scene = _ground(rng, soft, grounds, size)
    _lay_some(rng, soft, scene, 0.5)
    _lay(rng, soft, scene, things, (0.42, 0.95), 0.25)
    _lay_some(rng, soft, scene, 0.25)
    return Drawn(_photograph(rng, scene), *things, grounds)


class _Things(NamedTuple):
    """Numbers of the outlines, surfaces and finishes of some things, each (count,) int32."""

    outlines: np.ndarray
    surfaces: np.ndarray
    finishes: np.ndarray


def _any_things(rng: np.random.Generator, count: int) -> _Things:
    return _Things(*(rng.integers(len(kinds), size=count, dtype=np.int32) for kinds in (OUTLINES, SURFACES, FINISHES)))


class _Noise:
    """Soft noise, about -1 to 1, of some octaves, the finer the fainter: cuts from a few large fields."""

    def __init__(self, rng: np.random.Generator, count: int, size: int) -> None:
        self._fields = np.stack([_octaves(rng, 3 * size) for _ in range(max(2, count // 8))])
        self._size = size

    def cut(self, rng: np.random.Generator, count: int) -> Field:
        """(count, size, size)"""
        corners = rng.integers(0, 2 * self._size, (count, 2))
        chosen = rng.integers(len(self._fields), size=count)
        return np.stack(
            [self._fields[k, y : y + self._size, x : x + self._size] for k, (y, x) in zip(chosen, corners, strict=True)]
        )


def _octaves(rng: np.random.Generator, size: int) -> np.ndarray:
    total = np.zeros((size, size), np.float32)
    for cells, weight in ((6, 1), (14, 0.7), (32, 0.45), (80, 0.25)):
        total += weight * cv2.resize(
            rng.standard_normal((cells, cells), np.float32), (size, size), interpolation=cv2.INTER_CUBIC
        )
    return total / (2 * total.std())


def _lay_some(rng: np.random.Generator, soft: _Noise, scene: np.ndarray, share: float) -> None:
    """Lay something small, of any class and anywhere, on so many of the scenes."""
    chosen = np.flatnonzero(rng.random(len(scene)) < share)
    if len(chosen):
        part = scene[chosen]
        _lay(rng, soft, part, _any_things(rng, len(chosen)), (0.12, 0.3), 0.85)
        scene[chosen] = part


def _lay(
    rng: np.random.Generator,
    soft: _Noise,
    scene: np.ndarray,
    things: _Things,
    sizes: tuple[float, float],
    offset: float,
) -> None:
    """Lay a thing on each scene, with the shadow that it throws; sizes and offsets are parts of half a picture."""
    count, size = scene.shape[:2]
    u, v, pixel = _own_coordinates(rng, count, size, sizes, offset)
    reach = np.hypot(u, v) + 1e-6
    radius = _radius(rng, things.outlines, u, v)
    inside = ((radius - reach) / pixel + 0.5).clip(0, 1)
    hole = _HOLES[things.outlines][:, None, None]
    inside *= np.where(hole > 0, ((reach - hole * radius) / pixel + 0.5).clip(0, 1), 1)
    lit = _light(rng, soft, things.finishes, u, v, (reach / radius).clip(0, 1))
    colours = _paint(rng, soft, things.surfaces, u, v) * lit.shade[..., None] + lit.shine[..., None]
    inside *= lit.opacity
    scene *= (1 - _shadow(rng, inside))[..., None]
    scene += (colours - scene) * inside[..., None]


def _own_coordinates(
    rng: np.random.Generator, count: int, size: int, sizes: tuple[float, float], offset: float
) -> tuple[Field, Field, Field]:
    """Each thing's coordinates at each pixel of its picture, turned, stretched and bent; and how large a pixel is."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    scale, squeeze, turn = (
        rng.uniform(*limits, (count, 1, 1)).astype(np.float32) for limits in (sizes, (0.7, 1), (-np.pi, np.pi))
    )
    dx, dy = rng.uniform(-offset, offset, (2, count, 1, 1)).astype(np.float32)
    bend, phase = rng.normal(0, 0.06, (count, 1, 1)).astype(np.float32), rng.uniform(0, 6, (count, 1, 1))
    a, b = x - dx, y - dy
    u = (np.cos(turn) * a + np.sin(turn) * b) / scale
    v = (np.cos(turn) * b - np.sin(turn) * a) / (scale * squeeze)
    u += bend * np.sin(2 * v + phase.astype(np.float32))
    return u, v, 2 / size / scale


def _radius(rng: np.random.Generator, outlines: np.ndarray, u: Field, v: Field) -> Field:
    """How far each thing reaches in the direction of each pixel; no two of an outline are quite the same."""
    angles = np.linspace(-np.pi, np.pi, ANGLES, endpoint=False)
    waves, phases = rng.normal(0, 0.018, (4, len(u), 1)), rng.uniform(0, 6, (4, len(u), 1))
    wobble = sum(wave * np.sin(k * angles + phase) for k, wave, phase in zip(range(2, 6), waves, phases, strict=True))
    tables = (_RADII[outlines] * (1 + wobble)).astype(np.float32)
    direction = ((np.arctan2(v, u) + np.pi) * (ANGLES / (2 * np.pi))).astype(np.int32) % ANGLES
    return tables[np.arange(len(u))[:, None, None], direction]


def _paint(rng: np.random.Generator, soft: _Noise, surfaces: np.ndarray, u: Field, v: Field) -> np.ndarray:
    """Colours (things, size, size, 3), 0 to 1."""
    noise, field = soft.cut(rng, len(u)), np.empty_like(u)
    for number in np.unique(surfaces):
        these = surfaces == number
        field[these] = _SURFACES[number](rng, u[these], v[these], noise[these])
    one, two = _two_colours(rng, len(u))
    return one + (two - one) * field[..., None]


def _two_colours(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two colours for each thing, (count, 1, 1, 3), that an eye can tell apart."""
    one = rng.random((count, 3))
    one += (one.mean(1, keepdims=True) - one) * rng.random((count, 1))  # many things are nearly grey
    step = rng.normal(0, 1, (count, 3))
    step += 1.5 * rng.choice([-1, 1], (count, 1))
    step *= rng.uniform(0.3, 0.9, (count, 1)) / np.abs(step).max(1, keepdims=True)
    two = np.where((one + step < 0) | (one + step > 1), one - step, one + step).clip(0, 1)
    return one[:, None, None].astype(np.float32), two[:, None, None].astype(np.float32)


def _light(rng: np.random.Generator, soft: _Noise, finishes: np.ndarray, u: Field, v: Field, out: Field) -> Lit:
    """Light from one side on each thing, as its finish takes it; `out` is 0 in the middle and 1 at the edge."""
    towards = rng.uniform(-np.pi, np.pi, (len(u), 1, 1)).astype(np.float32)
    skin = Skin(u, v, out, soft.cut(rng, len(u)), np.cos(towards) * u + np.sin(towards) * v)
    lit = Lit(*np.empty((3, *u.shape), np.float32))
    for number in np.unique(finishes):
        these = finishes == number
        for whole, part in zip(lit, _FINISHES[number](rng, Skin(*(field[these] for field in skin))), strict=True):
            whole[these] = part
    return lit._replace(opacity=lit.opacity.clip(0, 1), shade=lit.shade.clip(0.05, 2))


def _shadow(rng: np.random.Generator, inside: Field) -> Field:
    size = inside.shape[1]
    shadows = np.empty_like(inside)
    for number, (dy, dx, soft, dark) in enumerate(rng.uniform((-1, -1, 0.5, 0), (1, 1, 2.5, 0.6), (len(inside), 4))):
        shift = np.array([[1, 0, dx * 0.06 * size], [0, 1, dy * 0.06 * size]], np.float32)
        moved = cv2.warpAffine(inside[number], shift, (size, size))
        shadows[number] = dark * cv2.GaussianBlur(moved, (0, 0), soft * size / 96)
    return shadows


def _ground(rng: np.random.Generator, soft: _Noise, surfaces: np.ndarray, size: int) -> np.ndarray:
    """(count, size, size, 3): a surface larger than its picture, fainter than what lies on it."""
    count = len(surfaces)
    u, v, _ = _own_coordinates(rng, count, size, (0.4, 1.2), 1.5)
    colours = _paint(rng, soft, surfaces, u, v)
    mean = colours.mean((1, 2), keepdims=True)
    contrast, stain = rng.uniform((0.1, 0), (0.9, 0.25), (count, 2)).astype(np.float32).T[..., None, None]
    colours -= mean
    colours *= contrast[..., None]
    colours += mean
    colours *= (1 + stain * soft.cut(rng, count))[..., None]
    return colours


def _photograph(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """What a plain camera makes of the scenes: uneven light, a colour cast, dull colours, blur and grain."""
    count, size = scene.shape[:2]
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    fall = rng.normal(0, 0.15, (2, count, 1, 1)).astype(np.float32)
    light = 1 + fall[0] * x + fall[1] * y
    cast = rng.normal(1, 0.08, (count, 1, 1, 3)) * rng.uniform(0.7, 1.2, (count, 1, 1, 1))
    scene *= light[..., None] * cast.astype(np.float32)
    dull = rng.uniform(-0.5, 1, (count, 1, 1, 1)).clip(0, 1).astype(np.float32)
    scene += dull * (scene.mean(3, keepdims=True) - scene)
    for number, soft in enumerate(rng.uniform(0, 1, count)):
        if soft > 0.4:
            cv2.GaussianBlur(scene[number], (0, 0), soft * size / 96, dst=scene[number])
    scene += rng.uniform(0, 0.04, (count, 1, 1, 1)).astype(np.float32) * rng.standard_normal(
        (count, size, size, 1), np.float32
    )
    return (scene * 255).clip(0, 255).astype(np.uint8)
