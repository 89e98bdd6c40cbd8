"""Composes a photo-like image of a drawn object: background, debris, light, shadow and camera effects.

All of these are chosen in the same way for every class, so that only the object distinguishes the classes.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from core.data.sample_set.drawing import Drawer, Sketch, scrap, stretch

_Quad = tuple[tuple[int, int, int, int], np.ndarray]


def compose(rng: np.random.Generator, size: int, drawers: Sequence[Drawer]) -> Image.Image:
    """Compose an RGB image, `size` x `size` pixels, of an object drawn by one of the drawers."""
    light = rng.uniform(0, 2 * np.pi)
    scene = _background(rng, size)
    scene = _add_layer(rng, scene, _debris(rng, size, int(rng.integers(0, 2))), light)
    scene = _add_layer(rng, scene, _object(rng, size, drawers), light)
    if rng.random() < 0.1:
        scene = _add_layer(rng, scene, _debris(rng, size, 1), light)
    return _apply_camera(rng, scene, light)


def _object(rng: np.random.Generator, size: int, drawers: Sequence[Drawer]) -> Image.Image:
    sketch = Sketch(rng, 2 * size)
    drawers[int(rng.integers(len(drawers)))](sketch)
    return _transform(rng, sketch.image)


def _debris(rng: np.random.Generator, size: int, count: int) -> Image.Image:
    sketch = Sketch(rng, 2 * size)
    for x, y in rng.uniform(-0.95, 0.95, (count, 2)):
        scrap(sketch, x, y, rng.uniform(0.08, 0.2))
    return sketch.image.reduce(2)


def _transform(rng: np.random.Generator, layer: Image.Image) -> Image.Image:
    """Rotate, scale, tilt and slightly bend a layer, and reduce it to half its side length."""
    angle = rng.uniform(-np.pi, np.pi)  # any rotation, as for real waste; a network without pretraining must learn all
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilt = np.array([[rng.choice([-1, 1]), rng.normal(0, 0.12)], [0, rng.uniform(0.82, 1)]])
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 7)] * 2, indexing="ij"), -1)
    bend = [stretch(rng.normal(0, 0.035, (3, 3)), (7, 7), Image.Resampling.BICUBIC) for _ in "xy"]
    source = (grid - rng.uniform(-0.12, 0.12, 2)) @ np.linalg.inv(rng.uniform(0.9, 1.35) * rotation @ tilt).T
    quads = _quads(source + np.stack(bend, -1), layer.width)
    return layer.transform(layer.size, Image.Transform.MESH, quads, Image.Resampling.BILINEAR).reduce(2)


def _quads(source: np.ndarray, pixels: int) -> list[_Quad]:
    """Build Pillow's mesh: each target square with the four corners, given by `source`, of the area that fills it."""
    points, cells = (source + 1) * pixels / 2, len(source) - 1
    edge = np.linspace(0, pixels, cells + 1).astype(int).tolist()
    return [
        ((edge[i], edge[j], edge[i + 1], edge[j + 1]), points[[i, i, i + 1, i + 1], [j, j + 1, j + 1, j]].ravel())
        for i in range(cells)
        for j in range(cells)
    ]


def _add_layer(rng: np.random.Generator, scene: np.ndarray, layer: Image.Image, light: float) -> np.ndarray:
    """Return the scene (size, size, 3) with the layer and its shadow on top."""
    size = layer.width
    reach = rng.uniform(0.02, 0.06) * size
    alpha = layer.getchannel("A")
    shift = (1, 0, -reach * np.cos(light), 0, 1, -reach * np.sin(light))
    shadow = alpha.transform(alpha.size, Image.Transform.AFFINE, shift).filter(ImageFilter.GaussianBlur(reach * 0.7))
    darkening = np.asarray(shadow, np.float32)[..., None] * (rng.uniform(0.3, 0.65) / 255)
    pixels, cover = np.asarray(layer.convert("RGB"), np.float32), np.asarray(alpha, np.float32)[..., None] / 255
    wear = 1 + 0.09 * _clouds(rng, size, 5, 24)[..., None]
    covered: np.ndarray = scene * (1 - darkening) * (1 - cover) + pixels * wear * cover
    return covered


def _apply_camera(rng: np.random.Generator, scene: np.ndarray, light: float) -> Image.Image:
    """Render the scene as a simple camera would: uneven light, a colour cast, slight blur and noise."""
    size = len(scene)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    fall = 1 - rng.uniform(0, 0.3) * (x * np.cos(light) + y * np.sin(light)) - rng.uniform(0, 0.15) * (x**2 + y**2)
    cast = rng.normal(1, 0.05, 3).astype(np.float32) * rng.uniform(0.78, 1.12)
    exposed = scene * fall[..., None] * cast + rng.uniform(-6, 14)
    exposed += rng.uniform(1, 5) * rng.standard_normal((size, size, 1), np.float32)
    image = Image.fromarray(exposed.clip(0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9) * size / 128))


# Backgrounds: each function returns an array (size, size, 3) with values from 0 to 255


def _clouds(rng: np.random.Generator, size: int, *cells: int) -> np.ndarray:
    """Smooth noise around zero (size, size), one octave for each number of cells."""
    noise: np.ndarray = np.zeros((size, size), np.float32)
    for n in cells:
        noise += stretch(rng.standard_normal((n, n)), (size, size), Image.Resampling.BICUBIC)
    noise /= len(cells)
    return noise


def _background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a background with reduced saturation and contrast, so that the object dominates the image."""
    backgrounds = (_wood, _concrete, _grass, _cloth, _plain, _gravel, _tiles)
    background = backgrounds[rng.integers(len(backgrounds))](rng, size)
    mean = background.mean((0, 1))
    dull: np.ndarray = mean.mean() + 0.4 * (mean - mean.mean()) + rng.uniform(0.1, 0.6) * (background - mean)
    return np.rot90(dull) if rng.random() < 0.5 else dull


def _tint(rng: np.random.Generator, colours: list[tuple[int, int, int]], spread: float = 14) -> np.ndarray:
    tint: np.ndarray = np.asarray(colours[rng.integers(len(colours))])
    return tint + rng.normal(0, spread) + rng.normal(0, spread / 3, 3)


def _coloured(tone: np.ndarray, tint: np.ndarray) -> np.ndarray:
    """Multiply a tone (size, size) by a colour (3,)."""
    product: np.ndarray = tone[..., None] * tint
    return product


def _wood(rng: np.random.Generator, size: int) -> np.ndarray:
    planks = rng.integers(2, 6)
    board = np.arange(size) * planks // size
    grain = stretch(rng.standard_normal((size // 2, 5)), (size, size), Image.Resampling.BICUBIC) * 0.07
    tone = 1 + rng.normal(0, 0.09, planks)[board][:, None] + grain
    tone[np.flatnonzero(np.diff(board))] *= 0.5
    return _coloured(tone, _tint(rng, [(150, 108, 70), (186, 150, 110), (112, 84, 62), (160, 152, 140)]))


def _concrete(rng: np.random.Generator, size: int) -> np.ndarray:
    tone = 1 + 0.1 * _clouds(rng, size, 4, 12, 40) + 0.05 * rng.standard_normal((size, size))
    return _coloured(tone, _tint(rng, [(150, 148, 142), (118, 118, 118), (186, 182, 172)]))


def _grass(rng: np.random.Generator, size: int) -> np.ndarray:
    base = _tint(rng, [(92, 120, 56), (112, 130, 66), (140, 132, 78)])
    lawn = Image.new("RGB", (size, size), tuple((base * 0.7).clip(0, 255).astype(int).tolist()))
    pen, blades = ImageDraw.Draw(lawn), int(rng.integers(350, 600))
    roots = rng.uniform(-0.05, 1.1, (blades, 2)) * size
    tips = roots + rng.normal((0, -0.05), (0.03, 0.02), (blades, 2)) * size
    tones = (base * rng.uniform(0.55, 1.35, (blades, 1))).clip(0, 255).astype(int).tolist()
    for root, tip, tone in zip(roots.tolist(), tips.tolist(), tones, strict=True):
        pen.line([*root, *tip], fill=tuple(tone), width=max(1, size // 90))
    grass: np.ndarray = np.asarray(lawn, np.float32) * (1 + 0.12 * _clouds(rng, size, 5)[..., None])
    return grass


def _cloth(rng: np.random.Generator, size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] * (128 / size)
    pitch = rng.uniform(0.8, 1.6)
    weave = 0.06 * (np.sin(x * pitch) * np.sin(y * pitch)) + 0.14 * _clouds(rng, size, 3, 5)
    check = rng.choice([0, 0.12]) * (((x // 16) % 2) + ((y // 16) % 2) - 1)
    return _coloured(1 + weave + check, rng.uniform(70, 200) + rng.uniform(-40, 40, 3))


def _plain(rng: np.random.Generator, size: int) -> np.ndarray:
    middle, gradient = rng.uniform(70, 235) + rng.normal(0, 18, 3), rng.normal(0, 26)
    vertical = np.linspace(-1, 1, size)[:, None, None]
    plain: np.ndarray = middle + gradient * vertical + 2 * _clouds(rng, size, 30)[..., None]
    return plain


def _gravel(rng: np.random.Generator, size: int) -> np.ndarray:
    tone = 1 + 0.3 * _clouds(rng, size, size // 6, size // 3) + 0.08 * _clouds(rng, size, 4)
    return _coloured(tone, _tint(rng, [(132, 124, 112), (150, 128, 100), (108, 108, 112)]))


def _tiles(rng: np.random.Generator, size: int) -> np.ndarray:
    count = rng.integers(2, 5)
    y, x = np.mgrid[:size, :size] * count / size + rng.random()
    tone = 1 + rng.normal(0, 0.05, (6, 6))[y.astype(int), x.astype(int)] + 0.05 * _clouds(rng, size, 6, 30)
    tone *= np.where((y % 1 < 0.03) | (x % 1 < 0.03), rng.uniform(0.6, 0.85), 1)
    return _coloured(tone, _tint(rng, [(214, 208, 198), (150, 162, 168), (176, 128, 98), (100, 104, 108)]))
