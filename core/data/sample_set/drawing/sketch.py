"""Drawing tools for the sample set: a transparent layer, outlines, shading and lettering.

Coordinates range from -1 to 1 (x right, y down) for any number of pixels; an outline is an array (points, 2).
A shade is a small array stretched over a shape: values below 1 darken it, values above 1 blend it towards white.
"""

import colorsys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

Colour = Sequence[float] | np.ndarray
Points = Sequence[Sequence[float] | np.ndarray] | np.ndarray
Span = tuple[float, float]
Drawer = Callable[["Sketch"], None]
_DrawMask = Callable[[ImageDraw.ImageDraw, list[tuple[float, float]]], None]
WHITE, BLACK, STEEL, KRAFT = (244, 243, 238), (30, 30, 33), (186, 190, 196), (184, 142, 96)


class Sketch:
    """A transparent square layer of `pixels` x `pixels`, with the random generator that determines its details."""

    def __init__(self, rng: np.random.Generator, pixels: int) -> None:
        self.rng, self.pixels = rng, pixels
        self.image = Image.new("RGBA", (pixels, pixels))

    def fill(
        self, outline: Points, paint: Colour, shade: np.ndarray | None = None, opacity: float | np.ndarray = 1.0
    ) -> None:
        """Fill a polygon; `paint` is one colour or an array (rows, columns, 3) stretched over the shape."""
        self._apply(np.asarray(outline), 0, _fill_mask, paint, shade, opacity)

    def stroke(self, points: Points, colour: Colour, width: float, opacity: float = 1.0) -> None:
        """Draw a line through the points; `width` is in coordinate units."""
        pixels = max(1, round(width * self.pixels / 2))
        self._apply(np.asarray(points), pixels, partial(_line_mask, width=pixels), colour, None, opacity)

    def erase(self, outline: Points) -> None:
        """Make the inside of a polygon transparent."""
        xy = [tuple(p) for p in (np.asarray(outline) + 1) * self.pixels / 2]
        ImageDraw.Draw(self.image).polygon(xy, fill=(0, 0, 0, 0))

    def _apply(
        self,
        points: np.ndarray,
        margin: int,
        draw_mask: _DrawMask,
        paint: Colour,
        shade: np.ndarray | None,
        opacity: float | np.ndarray,
    ) -> None:
        # Only the bounding box of the shape is processed: an image has dozens of shapes, most of them small.
        xy = (points + 1) * self.pixels / 2
        left, top = np.clip(np.floor(xy.min(0)) - margin, 0, self.pixels).astype(int)
        right, bottom = np.clip(np.ceil(xy.max(0)) + margin + 1, 0, self.pixels).astype(int)
        size = (int(right - left), int(bottom - top))
        if min(size) < 1:
            return
        mask = Image.new("L", size)
        draw_mask(ImageDraw.Draw(mask), [(x - left, y - top) for x, y in xy])
        if isinstance(opacity, np.ndarray) or opacity < 1:
            mask = Image.fromarray((np.asarray(mask) * stretch(np.atleast_2d(opacity), size)).astype(np.uint8))
        patch = Image.fromarray(_shaded(paint, shade, size))
        patch.putalpha(mask)
        self.image.alpha_composite(patch, (int(left), int(top)))

    def between(self, low: float, high: float) -> float:
        """Return a random number from the range."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self.rng.random() < probability)

    def pick(self, *options: Any) -> Any:
        """Return one of the options at random."""
        return options[int(self.rng.integers(len(options)))]

    def colour(self, saturation: Span = (0.15, 0.85), value: Span = (0.3, 0.95), hue: Span = (0.0, 1.0)) -> np.ndarray:
        """Return a random colour (3,), 0 to 255, with hue, saturation and value from the ranges."""
        return 255 * np.array(colorsys.hsv_to_rgb(*(self.between(*span) for span in (hue, saturation, value))))

    def vary(self, colour: Colour, spread: float = 18) -> np.ndarray:
        """Return the colour with random changes of brightness and hue."""
        return np.clip(np.asarray(colour) + self.rng.normal(0, spread) + self.rng.normal(0, spread / 3, 3), 8, 250)


def stretch(values: np.ndarray, size: tuple[int, int], how: Image.Resampling = Image.Resampling.BILINEAR) -> np.ndarray:
    """Stretch a small 2-D array to `size` (width, height); returns float32 (height, width)."""
    return np.asarray(Image.fromarray(np.asarray(values, np.float32)).resize(size, how))


def _fill_mask(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]]) -> None:
    pen.polygon(points, fill=255)


def _line_mask(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], width: int) -> None:
    pen.line(points, fill=255, width=width, joint="curve")


def _shaded(paint: Colour, shade: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    base = np.asarray(paint, np.float32)
    if base.ndim == 3:
        tile = Image.fromarray(base.clip(0, 255).astype(np.uint8))
        base = np.asarray(tile.resize(size, Image.Resampling.NEAREST), np.float32)
    light = np.ones((size[1], size[0], 1), np.float32) if shade is None else stretch(shade, size)[..., None]
    shaded = base * np.minimum(light, 1) + 255 * np.maximum(light - 1, 0)
    pixels: np.ndarray = shaded.clip(0, 255).astype(np.uint8)
    return pixels


# Outlines


def path(points: str) -> np.ndarray:
    """Parse points written as "x y, x y" in hundredths of a unit."""
    return np.array([point.split() for point in points.split(",")], float) / 100


def rect(x0: float, y0: float, x1: float, y1: float, corner: float = 0.0) -> np.ndarray:
    """Outline of a rectangle with corners of radius `corner`."""
    if not corner:
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    centres = rect(x1 - corner, y1 - corner, x0 + corner, y0 + corner)
    return np.concatenate([oval(x, y, corner, corner, i / 4, (i + 1) / 4, 6) for i, (x, y) in enumerate(centres)])


def oval(
    x: float, y: float, rx: float, ry: float, start: float = 0.0, stop: float = 1.0, steps: int = 40
) -> np.ndarray:
    """Outline of an ellipse or an arc; `start` and `stop` are in turns, clockwise from the right."""
    angle = np.linspace(start, stop, steps) * 2 * np.pi
    return np.column_stack([x + rx * np.cos(angle), y + ry * np.sin(angle)])


def smooth(points: Points, closed: bool = True, steps: int = 7) -> np.ndarray:
    """Interpolate a Catmull-Rom curve through the points; a point given twice remains a corner."""
    p = np.asarray(points, float)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curve.reshape(-1, 2), p[-2:-1]])


def mirrored(half: Points) -> np.ndarray:
    """Complete a symmetric outline from its right half, given from top to bottom."""
    half = np.asarray(half, float)
    return np.concatenate([half, half[::-1] * (-1, 1)])


def blob(rng: np.random.Generator, x: float, y: float, r: float, rough: float = 0.15, corners: int = 11) -> np.ndarray:
    """Outline of an irregular disc of radius `r`; `rough` is the relative variation of the radius."""
    reach = r * (1 + rng.uniform(-rough, rough, corners))
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return smooth(np.column_stack([x + reach * np.cos(angle), y + reach * np.sin(angle)]), steps=4)


# Shades


def cylinder(s: Sketch, gloss: float = 0.35) -> np.ndarray:
    """Shade of an upright cylinder, (1, 48)."""
    x, light = np.linspace(-1, 1, 48), s.between(-0.5, 0.3)
    shine = gloss * (np.exp(-(((x - light) / 0.11) ** 2)) + 0.5 * np.exp(-(((x - light - 0.75) / 0.06) ** 2)))
    shade: np.ndarray = 0.38 + 0.6 * np.cos((x - light) * 1.05).clip(0) + shine
    return shade[None]


def ball(s: Sketch, gloss: float = 0.2) -> np.ndarray:
    """Shade of a ball, (48, 48)."""
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    distance = (x - s.between(-0.5, 0.2)) ** 2 + (y + s.between(0.2, 0.5)) ** 2
    shade: np.ndarray = 1.05 - 0.3 * distance + gloss * np.exp(-distance / 0.05)
    return shade


def crumple(s: Sketch, facets: int = 26, depth: float = 0.25) -> np.ndarray:
    """Shade of a crumpled surface, (48, 48): each facet is a tilted plane."""
    spots, tilt = s.rng.random((facets, 2)), s.rng.normal(0, 2.2 * depth, (facets, 2))
    y, x = np.mgrid[0:1:48j, 0:1:48j]
    dy, dx = y[..., None] - spots[:, 0], x[..., None] - spots[:, 1]
    nearest = np.argmin(dx**2 + dy**2, axis=-1)[..., None]
    slope = np.take_along_axis(dy * tilt[:, 0] + dx * tilt[:, 1], nearest, -1)[..., 0]
    shade: np.ndarray = 0.88 + slope + s.rng.normal(0, 0.45 * depth, facets)[nearest[..., 0]]
    return shade


def folds(s: Sketch, depth: float = 0.22, across: int = 5, down: int = 4) -> np.ndarray:
    """Shade of a surface with smooth dents, (48, 48)."""
    return 0.92 + stretch(s.rng.uniform(-depth, depth, (down, across)), (48, 48), Image.Resampling.BICUBIC)


def slope(s: Sketch, depth: float = 0.12) -> np.ndarray:
    """Shade of a flat face at an angle to the light, (48, 48)."""
    return 0.94 + stretch(s.rng.uniform(-depth, depth, (2, 2)), (48, 48))


def lettering(s: Sketch, x0: float, x1: float, y0: float, y1: float, ink: Colour, lines: int) -> None:
    """Draw lines of printed words, too small to read."""
    pitch = (y1 - y0) / max(lines - 1, 1)
    columns = int(np.clip((x1 - x0) / pitch * 3, 8, 28))
    words = s.rng.random((lines, 1, columns)) < 0.8
    words[:, :, -columns // 4 :] &= s.rng.random((lines, 1, 1)) < 0.6  # some lines are shorter
    rows = np.repeat(words, 5, axis=1) * np.array([0, 0.6, 0.9, 0.4, 0])[:, None]
    s.fill(rect(x0, y0 - pitch / 2, x1, y1 + pitch / 2), ink, opacity=rows.reshape(-1, columns))
