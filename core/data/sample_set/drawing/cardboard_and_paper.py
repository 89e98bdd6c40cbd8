"""Cardboard and paper objects: flat faces, folds and print."""

# ruff: noqa: RUF005 - `points + (x, y)` shifts an array; it does not concatenate lists.

import numpy as np

from core.data.sample_set.drawing.sketch import (
    BLACK,
    KRAFT,
    WHITE,
    Sketch,
    ball,
    blob,
    crumple,
    cylinder,
    folds,
    lettering,
    oval,
    path,
    rect,
    slope,
    smooth,
)

# Cardboard


def _kraft(s: Sketch) -> np.ndarray:
    return s.vary(s.pick(KRAFT, KRAFT, KRAFT, (205, 190, 165)), 16)


def closed_box(s: Sketch) -> None:
    tint, (w, h, d, rise) = _kraft(s), s.rng.uniform((0.4, 0.35, 0.22, 0.15), (0.6, 0.6, 0.4, 0.28))
    back = np.array([d, -rise])
    front = np.array([(-w, -h), (w, -h), (w, h), (-w, h)]) + (-d / 2, rise / 2)
    s.fill([front[1], front[1] + back, front[2] + back, front[2]], tint * 0.66, slope(s))
    s.fill([front[0], front[0] + back, front[1] + back, front[1]], tint * 1.12, slope(s, 0.06))
    s.fill(front, tint, folds(s, 0.08))
    tape = s.vary(s.pick((214, 190, 140), (150, 110, 66), (222, 222, 214)))
    mid = (front[0] + front[1]) / 2
    s.fill([mid - (0.07, 0), mid - (0.07, 0) + back, mid + (0.07, 0) + back, mid + (0.07, 0)], tape, opacity=0.8)
    s.fill(rect(mid[0] - 0.07, mid[1], mid[0] + 0.07, mid[1] + 0.22), tape * 0.92, opacity=0.8)
    _box_print(s, front[3])


def _box_print(s: Sketch, corner: np.ndarray) -> None:
    ink = (70, 52, 40)
    for x in corner[0] + np.array([0.12, 0.28]):
        s.stroke([(x, corner[1] - 0.08), (x, corner[1] - 0.25)], ink, 0.03, 0.8)
        s.fill((x, corner[1]) + path("0 -34, 6 -23, -6 -23"), ink, opacity=0.8)
    if s.chance(0.5):
        s.fill(rect(corner[0] + 0.42, corner[1] - 0.36, corner[0] + 0.75, corner[1] - 0.12), WHITE, slope(s))
        lettering(s, corner[0] + 0.46, corner[0] + 0.7, corner[1] - 0.32, corner[1] - 0.17, BLACK, 3)


def open_box(s: Sketch) -> None:
    tint, w, h, d, rise = _kraft(s), s.between(0.42, 0.55), s.between(0.25, 0.42), 0.28, s.between(0.2, 0.3)
    back, flap = np.array([d, -rise]), s.between(0.2, 0.34)
    a, b, c, e = np.array([(-w, -h), (w, -h), (w, h), (-w, h)]) + (-d / 2, 0.3)
    s.fill([a + back, b + back, b + back + (0.08, -flap), a + back + (-0.02, -flap)], tint * 0.85, slope(s))
    s.fill([a, b, b + back, a + back], tint * 0.36, slope(s, 0.2))
    s.fill([a + back, b + back, b + (0.4 * d, -0.15 * rise), a + (0.4 * d, 0)], tint * 0.52, slope(s))
    s.fill([b, b + back, b + back + (flap, 0.02), b + (flap, 0.12)], tint * 0.9, slope(s))
    s.fill([a, a + back, a + back - (flap, 0.06), a - (flap, -0.05)], tint * 1.05, slope(s))
    s.fill([b, b + back, c + back, c], tint * 0.66, slope(s))
    s.fill([a, b, c, e], tint, folds(s, 0.08))
    if s.chance(0.7):
        s.fill([a, b, b + (0.05, flap), a + (-0.06, flap)], tint * 1.1, slope(s, 0.05))
    _box_print(s, e)


def torn_sheet(s: Sketch) -> None:
    tint, count = _kraft(s), s.pick(14, 20, 26)
    top = np.column_stack([np.linspace(-0.8, 0.8, 18), -0.55 + s.rng.normal(0, 0.035, 18)])
    outline = np.concatenate([top, [(0.82, 0.5), (-0.8, 0.56)]])
    ribs = 0.93 + 0.11 * np.sin(np.linspace(0, count * 2 * np.pi, count * 8))[None]
    s.fill(outline, tint, ribs)
    inner = [(s.between(-0.3, 0.2), 0.1), (-0.4, 0.2), (-0.82, s.between(0.1, 0.5))]
    peel = np.concatenate([top[: s.pick(6, 9, 12)], inner])
    s.fill(peel, tint * 1.08, folds(s, 0.1))
    wave = np.linspace(-0.8, 0.82, 90)
    s.fill(rect(-0.8, 0.5, 0.82, 0.64), tint * 0.42)
    s.stroke(np.column_stack([wave, 0.57 + 0.045 * np.sin(wave * 40)]), tint * 1.05, 0.028)
    for y in (0.505, 0.64):
        s.stroke([(-0.8, y), (0.82, y)], tint * 1.1, 0.03)


def tube(s: Sketch) -> None:
    tint, wide, tall = _kraft(s), s.between(0.28, 0.42), s.between(0.5, 0.78)
    light = cylinder(s, 0.08)
    s.fill(np.concatenate([oval(0, tall, wide, 0.13, 0, 0.5), oval(0, -tall, wide, 0.13, 0.5, 1)]), tint, light)
    for y in np.arange(-tall, tall - 0.2, 0.34):
        s.stroke(smooth([(-wide, y + 0.3), (0, y + 0.25), (wide, y)], False), tint * 0.6, 0.02, 0.7)
    s.fill(oval(0, -tall, wide, 0.13), tint * 1.12)
    s.fill(oval(0, -tall + 0.01, wide * 0.86, 0.1), tint * 0.45, light)


# Paper


def _sheet_tint(s: Sketch) -> np.ndarray:
    return s.vary(s.pick(WHITE, (236, 230, 214), (224, 222, 214), (236, 226, 170)), 7)


def lined_sheets(s: Sketch) -> None:
    wide, tall = s.between(0.48, 0.6), s.between(0.68, 0.8)
    for offset in s.rng.uniform(-0.09, 0.09, (s.pick(1, 2, 3), 2)):
        page = rect(-wide, -tall, wide, tall) + offset + s.rng.normal(0, 0.03, (4, 2))
        s.fill(page + (0.015, 0.02), BLACK, opacity=0.35)
        s.fill(page, _sheet_tint(s), folds(s, 0.09, 3, 3))
    if s.chance(0.5):
        for y in np.linspace(-tall + 0.22, tall - 0.12, 13):
            s.stroke([(-wide + 0.08, y), (wide - 0.08, y)], (112, 140, 190), 0.014, 0.75)
        s.stroke([(-wide + 0.2, -tall + 0.05), (-wide + 0.2, tall - 0.05)], (206, 90, 90), 0.014, 0.8)
    ink, end = s.pick((40, 50, 110), (50, 50, 54)), s.between(-0.2, tall - 0.15)
    lettering(s, -wide + 0.24, wide - 0.14, -tall + 0.2, end, ink, s.pick(7, 10, 13))


def paper_ball(s: Sketch) -> None:
    outline = blob(s.rng, 0, 0, s.between(0.55, 0.66), 0.16, 15)
    tint = s.vary((198, 168, 128)) if s.chance(0.3) else _sheet_tint(s)
    s.fill(outline, tint, crumple(s, 42, 0.34) * ball(s, 0) + 0.06)
    for _ in range(s.pick(0, 5, 9)):
        start = s.rng.uniform(-0.35, 0.35, 2)
        s.stroke([start, start + s.rng.normal(0, 0.12, 2)], (70, 74, 96), 0.018, 0.6)


def newspaper(s: Sketch) -> None:
    tint, ink = s.vary((208, 203, 190), 10), s.vary((56, 54, 52), 8)
    s.fill(rect(-0.66, -0.74, 0.7, 0.8) + s.rng.normal(0, 0.02, (4, 2)), tint * 0.82, folds(s, 0.1))
    s.fill(rect(-0.7, -0.78, 0.66, 0.76), tint, folds(s, 0.12, 3, 4))
    s.fill(rect(-0.62, -0.72, 0.58, -0.56), ink, opacity=0.85)
    s.stroke([(-0.56, -0.64), (0.5, -0.64)], tint, 0.05)
    lettering(s, -0.6, 0.55, -0.48, -0.4, ink, 2)
    s.fill(rect(-0.6, -0.28, -0.05, 0.12), np.clip(s.rng.normal(120, 45, (5, 7, 1)) * np.ones(3), 40, 215), folds(s))
    for x, y in ((0.02, -0.28), (0.32, -0.28), (-0.6, 0.2), (-0.3, 0.2)):
        lettering(s, x, x + 0.24, y, 0.68, ink, 12 if y > 0 else 20)
    s.stroke([(-0.7, 0.0), (0.66, 0.0)], tint * 0.7, 0.025, 0.5)


def envelope(s: Sketch) -> None:
    tint, ink = s.pick(_sheet_tint(s), _sheet_tint(s), s.vary((200, 168, 122))), (66, 66, 84)
    s.fill(rect(-0.82, -0.5, 0.82, 0.54), tint, folds(s, 0.08))
    if s.chance(0.5):
        s.fill([(-0.82, -0.5), (0.82, -0.5), (0, s.between(0.0, 0.16))], tint * 0.93, slope(s))
        for line in ([(-0.82, -0.5), (0, 0.1), (0.82, -0.5)], [(-0.82, 0.54), (-0.15, 0)], [(0.82, 0.54), (0.15, 0)]):
            s.stroke(line, tint * 0.66, 0.02)
    else:
        s.fill(rect(0.48, -0.4, 0.7, -0.12), s.colour(), folds(s))
        lettering(s, -0.2, 0.45, 0.04, 0.34, ink, 4)
        s.stroke(oval(0.38, -0.24, 0.14, 0.14), ink, 0.02, 0.5)
