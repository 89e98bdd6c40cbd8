"""Clothes and shoes: shapes of fabric and leather with seams, trims and laces."""

import numpy as np

from core.data.sample_set.drawing.sketch import (
    BLACK,
    WHITE,
    Sketch,
    ball,
    blob,
    cylinder,
    folds,
    mirrored,
    path,
    rect,
    slope,
    smooth,
)

# Clothes


def _fabric(s: Sketch) -> np.ndarray:
    main, other = s.colour((0.05, 0.8), (0.2, 0.95)), s.colour((0.05, 0.7), (0.3, 0.95))
    if s.chance(0.5):
        return main[None, None]
    rows = (np.arange(s.pick(8, 15, 22)) % s.pick(2, 3) == 0)[:, None, None]
    check = (np.arange(12) % 2 == 0)[None, :, None] if s.chance(0.3) else False
    return np.where(rows ^ check, main, other)


def shirt(s: Sketch) -> None:
    cloth, long = _fabric(s), s.chance(0.3)
    half = path("0 -52, 13 -57, 22 -72, 50 -62, 90 -20, 70 -2, 46 -25, 44 30, 47 80, 0 82")
    half[4:6] = [(0.86, 0.5), (0.66, 0.56)] if long else half[4:6]
    half[8, 0] = s.between(0.42, 0.52)
    s.fill(smooth(mirrored(path("0 -74, 20 -72, 10 -50, 0 -48"))), cloth.reshape(-1, 3)[0] * 0.5)
    s.fill(mirrored(half), cloth, folds(s, 0.22, 6, 3))
    s.stroke(smooth([(-0.22, -0.72), (0, -0.5), (0.22, -0.72)], False), cloth.reshape(-1, 3)[-1] * 0.7, 0.05)
    for side in (-1, 1):
        s.stroke([(side * 0.46, -0.25), (side * 0.5, -0.6)], BLACK, 0.02, 0.35)
    if s.chance(0.4):
        s.fill(blob(s.rng, 0, 0.0, s.between(0.14, 0.24), 0.3, s.pick(5, 8, 11)), s.colour(), folds(s), 0.9)


def trousers(s: Sketch) -> None:
    tint = s.pick(s.colour((0.4, 0.7), (0.25, 0.6), (0.57, 0.63)), s.colour((0.05, 0.5), (0.2, 0.8)))
    leg, hem = s.between(0.5, 0.62), s.pick(0.85, 0.85, 0.2)
    half = [(0, -0.84), (0.36, -0.86), (0.42, -0.5), (leg, hem), (leg - 0.33, hem + 0.03), (0.03, -0.2), (0, -0.2)]
    s.fill(mirrored(half), tint, folds(s, 0.22, 7, 3))
    s.fill(rect(-0.37, -0.87, 0.37, -0.74), tint * 0.8, folds(s, 0.1))
    s.stroke([(0, -0.75), (0, -0.22)], tint * 0.5, 0.022)
    for side in (-1, 1):
        s.stroke(smooth([(side * 0.2, -0.74), (side * 0.24, -0.62), (side * 0.39, -0.56)], False), tint * 0.55, 0.022)
        s.stroke([(side * (leg - 0.03), hem - 0.06), (side * (leg - 0.32), hem - 0.04)], tint * 0.55, 0.02)


def sock(s: Sketch) -> None:
    cloth, trim = _fabric(s), s.colour()
    outline = path("-32 -85, -32 -85, 14 -85, 14 -85, 13 5, 28 27, 66 42, 76 62, 60 80, 20 80, -20 66, -36 38, -30 0")
    s.fill(smooth(outline), cloth, folds(s, 0.2, 6, 6))
    s.fill(smooth(path("-36 30, -20 32, -8 50, -12 71, -28 60")), trim, folds(s))
    s.fill(smooth(path("52 38, 70 45, 76 62, 62 79, 50 60")), trim, folds(s))
    s.fill(rect(-0.34, -0.88, 0.16, -0.66, 0.03), trim, 0.88 + 0.12 * np.sin(np.linspace(0, 60, 90))[None])


def dress(s: Sketch) -> None:
    cloth = _fabric(s)
    half = path("5 -48, 20 -60, 22 -86, 30 -86, 34 -50, 25 -12, 45 40, 60 82, 0 88")
    half[6:8, 0] *= s.between(0.85, 1.2)
    pleats = 0.9 + 0.16 * np.sin(np.linspace(0, s.between(18, 34), 80))[None]
    s.fill(mirrored(half), cloth, pleats)
    s.fill(rect(-0.27, -0.17, 0.27, -0.07), s.colour(), slope(s))


# Shoes


def sneaker(s: Sketch) -> None:
    tint, trim, high = s.colour((0.05, 0.85), (0.2, 0.95)), s.colour((0.05, 0.85)), s.pick(0, 0, 0.3)
    sole = s.colour() if s.chance(0.3) else s.vary(WHITE)
    upper = path("-78 40, -82 10, -76 -38, -76 -38, -50 -26, -22 -44, -12 -46, 5 -20, 40 0, 72 10, 88 30, 86 42")
    upper[2:7, 1] -= high
    s.fill(smooth(upper), tint, folds(s, 0.18, 6, 4) * slope(s))
    s.fill(smooth(path("52 5, 72 10, 88 30, 86 42, 50 42, 46 20")), trim, ball(s))
    s.fill(smooth([(-0.8, 0.4), (-0.82, 0.1), (-0.77, -0.3 - high), (-0.62, -0.1), (-0.55, 0.4)]), trim, slope(s))
    s.fill(smooth(path("-35 36, -10 5, 10 0, 2 20, -20 37")), s.vary(WHITE), opacity=s.pick(0, 0.9))
    for t in np.linspace(0, 1, 5 if not high else 7):
        x, y = -0.13 + 0.47 * t, -0.4 - high + (0.38 + high) * t
        s.stroke([(x - 0.12, y + 0.13), (x + 0.04, y)], s.vary(WHITE), 0.04)
    s.fill(rect(-0.88, 0.36, 0.93, 0.56, 0.09), sole, slope(s))
    s.stroke([(-0.86, 0.47), (0.91, 0.47)], trim, 0.025, 0.8)


def boot(s: Sketch) -> None:
    tint = s.pick(s.colour((0.4, 0.7), (0.25, 0.65), (0.05, 0.1)), s.colour((0.1, 0.7), (0.15, 0.8)))
    upper = path("-52 60, -54 20, -50 0, -50 0, 5 0, 5 0, 4 -10, 30 10, 68 20, 82 42, 80 60")
    upper[2:6, 1] = top = s.between(-0.88, -0.6)
    s.fill(smooth(upper), tint, (folds(s, 0.18, 5, 7) * cylinder(s, 0.15)) + 0.1)
    s.fill(rect(-0.53, top - 0.04, 0.08, top + 0.12, 0.04), tint * 0.7, cylinder(s))
    if s.chance(0.7):
        for y in np.linspace(top + 0.22, 0.02, 6):
            s.stroke([(-0.16, y + 0.03), (0.05, y)], s.vary((205, 180, 120)), 0.035)
    s.fill(rect(-0.58, 0.55, 0.86, 0.7, 0.05), s.pick(tint * 0.4, s.vary((190, 160, 110))), slope(s))
    s.fill(rect(-0.58, 0.66, -0.12, 0.82, 0.02), tint * 0.4, slope(s))


def heeled_shoe(s: Sketch) -> None:
    tint = s.colour((0.2, 0.95), (0.15, 0.85))
    s.fill(smooth(path("-76 -30, -54 2, -56 30, -60 66, -68 66, -72 30, -82 0")), tint * 0.75, cylinder(s))
    outline = path("-80 -42, -80 -42, -50 -12, -10 20, 15 22, 35 20, 70 42, 88 60, 50 66, 15 62, -30 28, -60 5, -82 -5")
    s.fill(smooth(outline), tint, folds(s, 0.12, 6, 4) + 0.05)
    s.stroke(smooth(path("-76 2, -30 30, 15 64, 86 63"), False), tint * 0.4, 0.045)
    s.stroke(smooth(path("40 28, 60 38, 74 50"), False), (255, 255, 255), 0.05, 0.45)


def flip_flops(s: Sketch) -> None:
    tint, strap = s.colour((0.2, 0.85), (0.3, 0.95)), s.colour((0.2, 0.9), (0.2, 0.9))
    for side in (-1, 1):
        sole = smooth(path("0 -82, 24 -62, 27 -20, 17 20, 22 60, 2 82, -20 60, -17 10, -25 -30, -22 -68"))
        position = np.array([side * 0.38, s.between(-0.08, 0.08)])
        s.fill(sole * (side, 1) + position + (0.02, 0.04), tint * 0.5)
        s.fill(sole * (side, 1) + position, tint, folds(s, 0.12))
        s.stroke(smooth(path("-20 12, -16 -20, 0 -48, 18 -20, 18 14") + position, False), strap, 0.08)
