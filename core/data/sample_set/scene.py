"""The scene around a drawn thing: ground, clutter, light, shadow, and the camera that sees it.

All of it is chosen alike for all classes, so that only the thing itself tells them apart.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from core.data.sample_set.drawing import Drawer, Sketch, scrap, stretch


def compose(rng: np.random.Generator, size: int, drawers: Sequence[Drawer]) -> Image.Image:
    """A photo-like RGB picture, `size` x `size` pixels, of what one of the drawers draws."""
    light = rng.uniform(0, 2 * np.pi)
    scene = _ground(rng, size)
    scene = _lay(rng, scene, _clutter(rng, size, rng.integers(0, 2)), light)
    scene = _lay(rng, scene, _thing(rng, size, drawers), light)
    if rng.random() < 0.1:
        scene = _lay(rng, scene, _clutter(rng, size, 1), light)
    return _photograph(rng, scene, light)


def _thing(rng: np.random.Generator, size: int, drawers: Sequence[Drawer]) -> Image.Image:
    sketch = Sketch(rng, 2 * size)
    drawers[rng.integers(len(drawers))](sketch)
    return _placed(rng, sketch.image)


def _clutter(rng: np.random.Generator, size: int, count: int) -> Image.Image:
    sketch = Sketch(rng, 2 * size)
    for x, y in rng.uniform(-0.95, 0.95, (count, 2)):
        scrap(sketch, x, y, rng.uniform(0.08, 0.2))
    return sketch.image.reduce(2)


def _placed(rng: np.random.Generator, layer: Image.Image) -> Image.Image:
    """Turned, scaled, tilted and a little bent, at half the layer's pixels."""
    turn = rng.uniform(-np.pi, np.pi)  # as waste lies about; a network that has seen little before must learn them all
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    tilt = np.array([[rng.choice([-1, 1]), rng.normal(0, 0.12)], [0, rng.uniform(0.82, 1)]])
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 7)] * 2, indexing="ij"), -1)
    bend = [stretch(rng.normal(0, 0.035, (3, 3)), (7, 7), Image.Resampling.BICUBIC) for _ in "xy"]
    source = (grid - rng.uniform(-0.12, 0.12, 2)) @ np.linalg.inv(rng.uniform(0.9, 1.35) * rotation @ tilt).T
    quads = _quads(source + np.stack(bend, -1), layer.width)
    return layer.transform(layer.size, Image.Transform.MESH, quads, Image.Resampling.BILINEAR).reduce(2)


def _quads(source: np.ndarray, pixels: int) -> list[tuple]:
    """Pillow's mesh: each square of the target, with the four corners (source) that fill it."""
    points, cells = (source + 1) * pixels / 2, len(source) - 1
    edge = np.linspace(0, pixels, cells + 1).astype(int).tolist()
    return [
        ((edge[i], edge[j], edge[i + 1], edge[j + 1]), points[[i, i, i + 1, i + 1], [j, j + 1, j + 1, j]].ravel())
        for i in range(cells)
        for j in range(cells)
    ]


def _lay(rng: np.random.Generator, scene: np.ndarray, layer: Image.Image, light: float) -> np.ndarray:
    """The scene (size, size, 3) with the layer on it and the shadow that it throws."""
    size = layer.width
    reach = rng.uniform(0.02, 0.06) * size
    alpha = layer.getchannel("A")
    shift = (1, 0, -reach * np.cos(light), 0, 1, -reach * np.sin(light))
    fallen = alpha.transform(alpha.size, Image.Transform.AFFINE, shift).filter(ImageFilter.GaussianBlur(reach * 0.7))
    dark = np.asarray(fallen, np.float32)[..., None] * (rng.uniform(0.3, 0.65) / 255)
    pixels, cover = np.asarray(layer.convert("RGB"), np.float32), np.asarray(alpha, np.float32)[..., None] / 255
    wear = 1 + 0.09 * _clouds(rng, size, 5, 24)[..., None]
    return scene * (1 - dark) * (1 - cover) + pixels * wear * cover


def _photograph(rng: np.random.Generator, scene: np.ndarray, light: float) -> Image.Image:
    """What a plain camera makes of the scene: uneven light, a colour cast, a little blur and noise."""
    size = len(scene)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    fall = 1 - rng.uniform(0, 0.3) * (x * np.cos(light) + y * np.sin(light)) - rng.uniform(0, 0.15) * (x**2 + y**2)
    cast = rng.normal(1, 0.05, 3).astype(np.float32) * rng.uniform(0.78, 1.12)
    exposed = scene * fall[..., None] * cast + rng.uniform(-6, 14)
    exposed += rng.uniform(1, 5) * rng.standard_normal((size, size, 1), np.float32)
    picture = Image.fromarray(exposed.clip(0, 255).astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9) * size / 128))


# Grounds: each returns float32 (size, size, 3), 0-255


def _clouds(rng: np.random.Generator, size: int, *cells: int) -> np.ndarray:
    """Soft noise about zero (size, size), one octave for each number of cells."""
    return sum(stretch(rng.standard_normal((n, n)), (size, size), Image.Resampling.BICUBIC) for n in cells) / len(cells)


def _ground(rng: np.random.Generator, size: int) -> np.ndarray:
    """Duller and plainer than it would be alone, so that the thing is what a picture shows."""
    makers = (_wood, _concrete, _grass, _cloth, _plain, _gravel, _tiles)
    ground = makers[rng.integers(len(makers))](rng, size)
    mean = ground.mean((0, 1))
    dull = mean.mean() + 0.4 * (mean - mean.mean()) + rng.uniform(0.1, 0.6) * (ground - mean)
    return np.rot90(dull) if rng.random() < 0.5 else dull


def _tint(rng: np.random.Generator, colours: list[tuple[int, int, int]], spread: float = 14) -> np.ndarray:
    return np.asarray(colours[rng.integers(len(colours))]) + rng.normal(0, spread) + rng.normal(0, spread / 3, 3)


def _wood(rng: np.random.Generator, size: int) -> np.ndarray:
    planks = rng.integers(2, 6)
    board = np.arange(size) * planks // size
    grain = stretch(rng.standard_normal((size // 2, 5)), (size, size), Image.Resampling.BICUBIC) * 0.07
    tone = 1 + rng.normal(0, 0.09, planks)[board][:, None] + grain
    tone[np.flatnonzero(np.diff(board))] *= 0.5
    return tone[..., None] * _tint(rng, [(150, 108, 70), (186, 150, 110), (112, 84, 62), (160, 152, 140)])


def _concrete(rng: np.random.Generator, size: int) -> np.ndarray:
    tone = 1 + 0.1 * _clouds(rng, size, 4, 12, 40) + 0.05 * rng.standard_normal((size, size))
    return tone[..., None] * _tint(rng, [(150, 148, 142), (118, 118, 118), (186, 182, 172)])


def _grass(rng: np.random.Generator, size: int) -> np.ndarray:
    base = _tint(rng, [(92, 120, 56), (112, 130, 66), (140, 132, 78)])
    lawn = Image.new("RGB", (size, size), tuple((base * 0.7).clip(0, 255).astype(int).tolist()))
    pen, blades = ImageDraw.Draw(lawn), int(rng.integers(350, 600))
    roots = rng.uniform(-0.05, 1.1, (blades, 2)) * size
    tips = roots + rng.normal((0, -0.05), (0.03, 0.02), (blades, 2)) * size
    tones = (base * rng.uniform(0.55, 1.35, (blades, 1))).clip(0, 255).astype(int).tolist()
    for root, tip, tone in zip(roots.tolist(), tips.tolist(), tones, strict=True):
        pen.line([*root, *tip], fill=tuple(tone), width=max(1, size // 90))
    return np.asarray(lawn, np.float32) * (1 + 0.12 * _clouds(rng, size, 5)[..., None])


def _cloth(rng: np.random.Generator, size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] * (128 / size)
    pitch = rng.uniform(0.8, 1.6)
    weave = 0.06 * (np.sin(x * pitch) * np.sin(y * pitch)) + 0.14 * _clouds(rng, size, 3, 5)
    check = rng.choice([0, 0.12]) * (((x // 16) % 2) + ((y // 16) % 2) - 1)
    return (1 + weave + check)[..., None] * (rng.uniform(70, 200) + rng.uniform(-40, 40, 3))


def _plain(rng: np.random.Generator, size: int) -> np.ndarray:
    near, far = rng.uniform(70, 235) + rng.normal(0, 18, 3), rng.normal(0, 26)
    return near + far * np.linspace(-1, 1, size)[:, None, None] + 2 * _clouds(rng, size, 30)[..., None]


def _gravel(rng: np.random.Generator, size: int) -> np.ndarray:
    tone = 1 + 0.3 * _clouds(rng, size, size // 6, size // 3) + 0.08 * _clouds(rng, size, 4)
    return tone[..., None] * _tint(rng, [(132, 124, 112), (150, 128, 100), (108, 108, 112)])


def _tiles(rng: np.random.Generator, size: int) -> np.ndarray:
    count = rng.integers(2, 5)
    y, x = np.mgrid[:size, :size] * count / size + rng.random()
    tone = 1 + rng.normal(0, 0.05, (6, 6))[y.astype(int), x.astype(int)] + 0.05 * _clouds(rng, size, 6, 30)
    tone *= np.where((y % 1 < 0.03) | (x % 1 < 0.03), rng.uniform(0.6, 0.85), 1)
    return tone[..., None] * _tint(rng, [(214, 208, 198), (150, 162, 168), (176, 128, 98), (100, 104, 108)])
