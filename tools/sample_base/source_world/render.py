"""Renders batches of images of the source world: objects on backgrounds, lit from one side, with camera effects."""

from typing import Final, NamedTuple

import cv2
import numpy as np

from tools.sample_base.source_world.finishes import FINISHES, Geometry, Lighting
from tools.sample_base.source_world.outlines import ANGLES, OUTLINES
from tools.sample_base.source_world.surfaces import SURFACES, Field

CLASSES: Final = tuple(
    f"{finish} {surface} {outline}" for outline in OUTLINES for surface in SURFACES for finish in FINISHES
)

_RADII = np.stack([outline.radii for outline in OUTLINES.values()])
_HOLES = np.array([outline.hole for outline in OUTLINES.values()], np.float32)
_SURFACES, _FINISHES = tuple(SURFACES.values()), tuple(FINISHES.values())


class DrawnImages(NamedTuple):
    """Images, (count, size, size, 3) uint8 RGB, and their labels, each (count,) int32; a ground is the background."""

    pixels: np.ndarray
    outlines: np.ndarray
    surfaces: np.ndarray
    finishes: np.ndarray
    grounds: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        """Indices into `CLASSES`."""
        classes: np.ndarray = (self.outlines * len(SURFACES) + self.surfaces) * len(FINISHES) + self.finishes
        return classes


def draw_batch(seed: tuple[int, ...], count: int, size: int = 96) -> DrawnImages:
    """Draw `count` images, each of one object of a random class; equal arguments give equal pixels.

    Raises `ValueError` for less than one image or fewer than 32 pixels.
    """
    if count < 1 or size < 32:
        raise ValueError(
            f"Expected at least 1 image of at least 32 pixels; received {count} of {size} pixels; request more."
        )
    rng = np.random.default_rng(seed)
    objects, grounds = _random_objects(rng, count), rng.integers(len(SURFACES), size=count, dtype=np.int32)
    noise = _Noise(rng, count, size)
    scene = _background(rng, noise, grounds, size)
    _add_small_objects(rng, noise, scene, 0.5)
    _add_objects(rng, noise, scene, objects, (0.42, 0.95), 0.25)
    _add_small_objects(rng, noise, scene, 0.25)
    return DrawnImages(_apply_camera(rng, scene), *objects, grounds)


class _Objects(NamedTuple):
    """Indices of the outlines, surfaces and finishes of some objects, each (count,) int32."""

    outlines: np.ndarray
    surfaces: np.ndarray
    finishes: np.ndarray


def _random_objects(rng: np.random.Generator, count: int) -> _Objects:
    return _Objects(*(rng.integers(len(kinds), size=count, dtype=np.int32) for kinds in (OUTLINES, SURFACES, FINISHES)))


class _Noise:
    """Smooth noise, about -1 to 1: random crops of a few large fields that are computed once."""

    def __init__(self, rng: np.random.Generator, count: int, size: int) -> None:
        self._fields = np.stack([_octaves(rng, 3 * size) for _ in range(max(2, count // 8))])
        self._size = size

    def crops(self, rng: np.random.Generator, count: int) -> Field:
        """Return random crops, (count, size, size)."""
        corners = rng.integers(0, 2 * self._size, (count, 2))
        chosen = rng.integers(len(self._fields), size=count)
        return np.stack(
            [self._fields[k, y : y + self._size, x : x + self._size] for k, (y, x) in zip(chosen, corners, strict=True)]
        )


def _octaves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Add noise of increasing frequency and decreasing amplitude, (size, size)."""
    total: np.ndarray = np.zeros((size, size), np.float32)
    for cells, weight in ((6, 1), (14, 0.7), (32, 0.45), (80, 0.25)):
        total += weight * cv2.resize(
            rng.standard_normal((cells, cells), np.float32), (size, size), interpolation=cv2.INTER_CUBIC
        )
    total /= 2 * total.std()
    return total


def _add_small_objects(rng: np.random.Generator, noise: _Noise, scene: np.ndarray, share: float) -> None:
    """Add a small object of random class and position to this share of the scenes."""
    chosen = np.flatnonzero(rng.random(len(scene)) < share)
    if len(chosen):
        part = scene[chosen]
        _add_objects(rng, noise, part, _random_objects(rng, len(chosen)), (0.12, 0.3), 0.85)
        scene[chosen] = part


def _add_objects(
    rng: np.random.Generator,
    noise: _Noise,
    scene: np.ndarray,
    objects: _Objects,
    sizes: tuple[float, float],
    offset: float,
) -> None:
    """Add an object and its shadow to each scene, in place; sizes and offsets are fractions of half an image side."""
    count, size = scene.shape[:2]
    u, v, pixel = _object_coordinates(rng, count, size, sizes, offset)
    reach = np.hypot(u, v) + 1e-6
    radius = _radius(rng, objects.outlines, u, v)
    inside = ((radius - reach) / pixel + 0.5).clip(0, 1)
    hole = _HOLES[objects.outlines][:, None, None]
    inside *= np.where(hole > 0, ((reach - hole * radius) / pixel + 0.5).clip(0, 1), 1)
    shade, shine, opacity = _light(rng, noise, objects.finishes, u, v, (reach / radius).clip(0, 1))
    colours = _paint(rng, noise, objects.surfaces, u, v) * shade[..., None] + shine[..., None]
    inside *= opacity
    scene *= (1 - _shadow(rng, inside))[..., None]
    scene += (colours - scene) * inside[..., None]


def _object_coordinates(
    rng: np.random.Generator, count: int, size: int, sizes: tuple[float, float], offset: float
) -> tuple[Field, Field, Field]:
    """Return the coordinates of each pixel relative to a rotated, scaled and bent object, and the size of a pixel."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    scale, squeeze, angle = (
        rng.uniform(low, high, (count, 1, 1)).astype(np.float32) for low, high in (sizes, (0.7, 1.0), (-np.pi, np.pi))
    )
    dx, dy = rng.uniform(-offset, offset, (2, count, 1, 1)).astype(np.float32)
    bend, phase = rng.normal(0, 0.06, (count, 1, 1)).astype(np.float32), rng.uniform(0, 6, (count, 1, 1))
    a, b = x - dx, y - dy
    u = (np.cos(angle) * a + np.sin(angle) * b) / scale
    v = (np.cos(angle) * b - np.sin(angle) * a) / (scale * squeeze)
    u += bend * np.sin(2 * v + phase.astype(np.float32))
    return u, v, 2 / size / scale


def _radius(rng: np.random.Generator, outlines: np.ndarray, u: Field, v: Field) -> Field:
    """Return the radius of each object in the direction of each pixel, with slight random variation of the outline."""
    angles = np.linspace(-np.pi, np.pi, ANGLES, endpoint=False)
    waves, phases = rng.normal(0, 0.018, (4, len(u), 1)), rng.uniform(0, 6, (4, len(u), 1))
    wobble = sum(wave * np.sin(k * angles + phase) for k, wave, phase in zip(range(2, 6), waves, phases, strict=True))
    tables: np.ndarray = (_RADII[outlines] * (1 + wobble)).astype(np.float32)
    direction = ((np.arctan2(v, u) + np.pi) * (ANGLES / (2 * np.pi))).astype(np.int32) % ANGLES
    radius: Field = tables[np.arange(len(u))[:, None, None], direction]
    return radius


def _paint(rng: np.random.Generator, noise: _Noise, surfaces: np.ndarray, u: Field, v: Field) -> np.ndarray:
    """Compute the colours of the surfaces, (objects, size, size, 3), 0 to 1."""
    crops, field = noise.crops(rng, len(u)), np.empty_like(u)
    for number in np.unique(surfaces):
        chosen = surfaces == number
        field[chosen] = _SURFACES[number](rng, u[chosen], v[chosen], crops[chosen])
    first, second = _two_colours(rng, len(u))
    colours: np.ndarray = first + (second - first) * field[..., None]
    return colours


def _two_colours(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw two clearly different colours for each object, (count, 1, 1, 3)."""
    first = rng.random((count, 3))
    first += (first.mean(1, keepdims=True) - first) * rng.random((count, 1))  # many objects are nearly grey
    step = rng.normal(0, 1, (count, 3))
    step += 1.5 * rng.choice([-1, 1], (count, 1))
    step *= rng.uniform(0.3, 0.9, (count, 1)) / np.abs(step).max(1, keepdims=True)
    second = np.where((first + step < 0) | (first + step > 1), first - step, first + step).clip(0, 1)
    return first[:, None, None].astype(np.float32), second[:, None, None].astype(np.float32)


def _light(
    rng: np.random.Generator, noise: _Noise, finishes: np.ndarray, u: Field, v: Field, radial: Field
) -> tuple[Field, Field, Field]:
    """Light each object from one side according to its finish; returns shade, shine and opacity (see `Lighting`)."""
    angle = rng.uniform(-np.pi, np.pi, (len(u), 1, 1)).astype(np.float32)
    geometry = Geometry(u, v, radial, noise.crops(rng, len(u)), np.cos(angle) * u + np.sin(angle) * v)
    shade, shine, opacity = np.empty((3, *u.shape), np.float32)
    for number in np.unique(finishes):
        chosen = finishes == number
        lighting: Lighting = _FINISHES[number](rng, Geometry(*(field[chosen] for field in geometry)))
        shade[chosen], shine[chosen], opacity[chosen] = lighting
    return shade.clip(0.05, 2), shine, opacity.clip(0, 1)


def _shadow(rng: np.random.Generator, inside: Field) -> Field:
    """Shift and blur the shape of each object; returns the darkening of each pixel, 0 to 0.6."""
    size = inside.shape[1]
    shadows = np.empty_like(inside)
    settings = rng.uniform((-1, -1, 0.5, 0), (1, 1, 2.5, 0.6), (len(inside), 4))
    for number, (dy, dx, blur, darkness) in enumerate(settings):
        shift = np.array([[1, 0, dx * 0.06 * size], [0, 1, dy * 0.06 * size]], np.float32)
        moved = cv2.warpAffine(inside[number], shift, (size, size))
        shadows[number] = darkness * cv2.GaussianBlur(moved, (0, 0), blur * size / 96)
    return shadows


def _background(rng: np.random.Generator, noise: _Noise, surfaces: np.ndarray, size: int) -> np.ndarray:
    """Draw backgrounds, (count, size, size, 3): enlarged surfaces with reduced contrast."""
    count = len(surfaces)
    u, v, _ = _object_coordinates(rng, count, size, (0.4, 1.2), 1.5)
    colours = _paint(rng, noise, surfaces, u, v)
    mean = colours.mean((1, 2), keepdims=True)
    contrast, stain = rng.uniform((0.1, 0), (0.9, 0.25), (count, 2)).astype(np.float32).T[..., None, None]
    colours -= mean
    colours *= contrast[..., None]
    colours += mean
    colours *= (1 + stain * noise.crops(rng, count))[..., None]
    return colours


def _apply_camera(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """Render the scenes as a simple camera would: uneven light, colour cast, reduced saturation, blur and noise."""
    count, size = scene.shape[:2]
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    fall = rng.normal(0, 0.15, (2, count, 1, 1)).astype(np.float32)
    light = 1 + fall[0] * x + fall[1] * y
    cast = rng.normal(1, 0.08, (count, 1, 1, 3)) * rng.uniform(0.7, 1.2, (count, 1, 1, 1))
    scene *= light[..., None] * cast.astype(np.float32)
    dull = rng.uniform(-0.5, 1, (count, 1, 1, 1)).clip(0, 1).astype(np.float32)
    scene += dull * (scene.mean(3, keepdims=True) - scene)
    for number, blur in enumerate(rng.uniform(0, 1, (count,))):
        if blur > 0.4:
            cv2.GaussianBlur(scene[number], (0, 0), blur * size / 96, dst=scene[number])
    scene += rng.uniform(0, 0.04, (count, 1, 1, 1)).astype(np.float32) * rng.standard_normal(
        (count, size, size, 1), np.float32
    )
    pixels: np.ndarray = (scene * 255).clip(0, 255).astype(np.uint8)
    return pixels
