"""Glass and plastic objects: mostly transparent, opaque at the rim, with streaks of light."""

import numpy as np

from core.data.sample_set.drawing.sketch import (
    BLACK,
    STEEL,
    WHITE,
    Sketch,
    blob,
    crumple,
    cylinder,
    folds,
    lettering,
    mirrored,
    oval,
    path,
    rect,
    slope,
    smooth,
)

# Glass


def _glass(s: Sketch, tint: np.ndarray, outline: np.ndarray, body: float) -> None:
    x = np.linspace(-1, 1, 60)
    s.fill(outline, tint, 0.62 + 0.5 * (1 - np.abs(x)[None]) ** 0.7, (body + (0.95 - body) * np.abs(x) ** 3)[None])


def _shine(s: Sketch, x: float, y0: float, y1: float, width: float = 0.05) -> None:
    s.stroke(smooth([(x, y0), (x - 0.01, (y0 + y1) / 2), (x, y1)], False), (255, 255, 255), width, s.between(0.5, 0.85))
    s.stroke([(-x * 0.9, y0 + 0.1), (-x * 0.9, y1 - 0.05)], (255, 255, 255), width * 0.5, s.between(0.25, 0.5))


def _glass_tint(s: Sketch) -> np.ndarray:
    green, brown = s.colour((0.5, 0.8), (0.25, 0.55), (0.25, 0.42)), s.colour((0.6, 0.85), (0.25, 0.5), (0.05, 0.09))
    tint: np.ndarray = s.pick(green, brown, s.colour((0.03, 0.2), (0.75, 0.95), (0.4, 0.6)))
    return tint


def glass_bottle(s: Sketch) -> None:
    tint, wide, neck = _glass_tint(s), s.between(0.25, 0.33), s.between(0.08, 0.11)
    shoulder = s.between(-0.35, 0.0)
    upper = [(neck, -0.9), (neck, -0.9), (neck, shoulder - 0.25), (wide * 0.8, shoulder - 0.05)]
    lower = [(wide, shoulder + 0.12), (wide, 0.6), (wide, 0.82), (wide * 0.85, 0.88)]
    _glass(s, tint, mirrored(smooth(upper + lower, False)), s.between(0.5, 0.75))
    s.fill(oval(0, 0.83, wide * 0.9, 0.06), tint * 0.5, opacity=0.7)
    stopper = s.pick(tint, s.colour(), s.vary((196, 168, 120)))
    s.fill(rect(-neck - 0.02, -0.93, neck + 0.02, -0.85, 0.02), stopper, cylinder(s))
    if s.chance(0.5):
        s.fill(rect(-wide, shoulder + 0.25, wide, 0.62), s.vary((226, 216, 190), 20), cylinder(s, 0.05))
        lettering(s, -wide * 0.6, wide * 0.6, shoulder + 0.36, 0.5, s.colour(value=(0.1, 0.5)), 4)
    _shine(s, -wide * 0.6, shoulder + 0.1, 0.75)
    _shine(s, -neck * 0.5, -0.8, shoulder - 0.2, 0.03)


def jar(s: Sketch) -> None:
    tint, wide, top = s.colour((0.02, 0.2), (0.75, 0.95), (0.3, 0.6)), s.between(0.4, 0.52), s.between(-0.6, -0.4)
    neck = [(wide * 0.8, top), (wide * 0.8, top), (wide, top + 0.18)]
    half = smooth([*neck, (wide, 0.3), (wide, 0.7), (wide * 0.9, 0.78)], False)
    if s.chance(0.4):
        inside = rect(-wide * 0.9, s.between(-0.2, 0.4), wide * 0.9, 0.72, 0.08)
        s.fill(inside, s.colour((0.5, 0.9), (0.3, 0.8), (0.0, 0.2)), cylinder(s), 0.85)
    _glass(s, tint, mirrored(half), s.between(0.3, 0.5))
    s.stroke(oval(0, 0.68, wide * 0.85, 0.07), WHITE, 0.025, 0.6)
    if s.chance(0.65):
        lid = rect(-wide * 0.88, top - 0.18, wide * 0.88, top + 0.02, 0.03)
        s.fill(lid, s.pick(s.vary(STEEL), s.colour()), cylinder(s, 0.5))
    else:
        s.stroke(oval(0, top, wide * 0.8, 0.1), WHITE, 0.035, 0.8)
    _shine(s, -wide * 0.68, top + 0.25, 0.6, 0.07)


def wine_glass(s: Sketch) -> None:
    tint, wide = s.colour((0.02, 0.15), (0.78, 0.95), (0.4, 0.6)), s.between(0.32, 0.42)
    bowl = smooth([(wide * 0.85, -0.85), (wide, -0.45), (wide * 0.7, -0.05), (0.05, 0.1)], False)
    half = np.concatenate([bowl, [(0.035, 0.2), (0.035, 0.7), (0.3, 0.8), (0.3, 0.84)]])
    if s.chance(0.3):
        wine = smooth(mirrored([(wide * 0.93, -0.4), (wide * 0.66, -0.08), (0.03, 0.05)]))
        s.fill(wine, (110, 20, 40), cylinder(s), 0.8)
    _glass(s, tint, mirrored(half), 0.35)
    s.stroke(oval(0, -0.85, wide * 0.85, 0.08), WHITE, 0.03, 0.85)
    s.stroke(oval(0, 0.81, 0.3, 0.05), WHITE, 0.025, 0.7)
    _shine(s, -wide * 0.65, -0.7, -0.2)


def broken_glass(s: Sketch) -> None:
    tint = _glass_tint(s)
    for x, y in s.rng.uniform(-0.55, 0.55, (s.pick(5, 7, 9), 2)):
        corners = np.sort(s.rng.random(s.pick(3, 4, 5)))[:, None] * 2 * np.pi
        piece = (x, y) + s.rng.uniform(0.18, 0.42, corners.shape) * np.hstack([np.cos(corners), np.sin(corners)])
        s.fill(piece, tint * s.between(0.8, 1.1), slope(s, 0.3), s.between(0.45, 0.7))
        s.stroke([*piece, piece[0]], tint * 0.35 + 165, 0.025, 0.85)


# Plastic

GROOVES = 0.9 + 0.1 * np.sin(np.linspace(0, 45, 48))[None]  # along the edge of a screw cap


def plastic_bottle(s: Sketch) -> None:
    tint, cap = s.colour((0.05, 0.45), (0.65, 0.95), (0.3, 0.65)), s.colour((0.4, 0.9), (0.4, 0.95))
    wide = s.between(0.27, 0.34)
    half = path("33 -78, 33 -70, 75 -50, 100 -28, 90 0, 100 25, 100 75, 80 88") * (wide, 1)
    _glass(s, tint, mirrored(smooth(half, False)), s.between(0.35, 0.6))
    for y in np.linspace(0.3, 0.78, 5):
        s.stroke(smooth([(-wide, y), (0, y + 0.05), (wide, y)], False), tint * 0.55, 0.022, 0.6)
        s.stroke(smooth([(-wide, y + 0.03), (0, y + 0.08), (wide, y + 0.03)], False), (255, 255, 255), 0.018, 0.5)
    s.fill(rect(-wide * 0.95, -0.25, wide * 0.95, 0.2), s.colour((0.4, 0.9)), cylinder(s), s.pick(0.0, 0.92, 0.92))
    s.fill(rect(-0.13, -0.93, 0.13, -0.77, 0.02), cap, cylinder(s) * GROOVES)
    s.stroke([(-0.12, -0.74), (0.12, -0.74)], cap * 0.8, 0.03)
    _shine(s, -wide * 0.55, -0.42, 0.8, 0.04)


def plastic_cup(s: Sketch) -> None:
    wide, foot, top = s.between(0.42, 0.52), s.between(0.26, 0.36), s.between(-0.55, -0.4)
    tint, clear = s.pick(s.colour((0.0, 0.1), (0.85, 0.98)), s.colour((0.5, 0.9), (0.5, 0.9))), s.chance(0.5)
    if s.chance(0.5):
        s.stroke([(0.05, top), (0.12, -0.75), (s.pick(-0.1, 0.3), -0.93)], s.colour(), 0.06)
    body = mirrored([(wide, top), (foot, 0.82), (0, 0.86)])
    s.fill(body, tint, cylinder(s, 0.25), 0.55 if clear else 1.0)
    for t in np.linspace(0.3, 0.8, s.pick(0, 4, 7)):
        reach, y = wide + (foot - wide) * t, top + (0.82 - top) * t
        s.stroke(smooth([(-reach, y), (0, y + 0.06), (reach, y)], False), tint * 0.7, 0.02, 0.7)
    s.fill(oval(0, top, wide, 0.1), tint * 0.55, slope(s), 0.7)
    s.stroke(oval(0, top, wide, 0.1), tint * 0.5 + 125, 0.05)
    _shine(s, -wide * 0.6, top + 0.2, 0.4)


def carrier_bag(s: Sketch) -> None:
    tint = s.pick(s.colour((0.0, 0.12), (0.85, 0.97)), s.colour((0.3, 0.7), (0.6, 0.95)))
    half = path("12 -30, 18 -85, 36 -88, 44 -30, 56 30, 50 80, 0 84")
    outline = mirrored(half + s.rng.normal(0, 0.025, (7, 2)))
    s.fill(outline, tint, crumple(s, 34, 0.22) + 0.06, s.between(0.7, 0.92))
    for _ in range(7):
        x, y = s.rng.uniform((-0.35, -0.2), (0.35, 0.5))
        crease = smooth([(x, y), (x + s.between(-0.1, 0.1), y + 0.15), (x * 1.15, y + 0.3)], False)
        s.stroke(crease, (255, 255, 255), 0.022, 0.55)
    if s.chance(0.5):
        s.fill(oval(0, 0.25, 0.24, 0.2), s.colour(), folds(s), 0.85)


def detergent_bottle(s: Sketch) -> None:
    tint, light = s.colour((0.3, 0.9), (0.5, 0.95)), cylinder(s, 0.3)
    body = path("-45 85, -45 85, -45 -5, -20 -50, -15 -68, 15 -68, 44 -42, 48 10, 46 85, 46 85")
    s.fill(smooth(body), tint, light)
    s.erase(smooth(path("20 -38, 33 -30, 35 5, 24 8, 18 -15")))
    s.fill(rect(-0.17, -0.92, 0.17, -0.66, 0.03), s.colour((0.2, 0.9)), light * GROOVES)
    s.fill(rect(-0.36, 0.16, 0.38, 0.72, 0.08), s.vary(WHITE), light)
    s.fill(blob(s.rng, 0, 0.38, 0.16, 0.3), s.colour())
    lettering(s, -0.28, 0.28, 0.58, 0.66, BLACK, 2)
