"""Biological waste, residual trash, and the small debris on the background of images of all classes."""

# ruff: noqa: RUF005 - `points + (x, y)` shifts an array; it does not concatenate lists.

import numpy as np

from core.data.sample_set.drawing.sketch import (
    BLACK,
    WHITE,
    Sketch,
    ball,
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

# Biological


def apple_core(s: Sketch) -> None:
    skin = s.pick(s.colour((0.7, 0.9), (0.55, 0.85), (0.96, 1)), s.colour((0.55, 0.8), (0.55, 0.8), (0.16, 0.27)))
    half = path("5 -62, 35 -70, 55 -50, 30 -25, 17 5, 28 35, 45 55, 25 72, 4 66")
    half = half * (s.between(0.9, 1.15), 1) + s.rng.normal(0, 0.02, (9, 2))
    s.stroke(smooth([(0, -0.55), (0.03, -0.75), (s.between(-0.1, 0.14), -0.93)], False), (88, 62, 40), 0.06)
    s.fill(smooth(mirrored(half)), s.vary((232, 212, 160), 10), crumple(s, 20, 0.12))
    s.fill(smooth(mirrored(half[[0, 1, 2]].tolist() + [[0.3, -0.38], [0.02, -0.45]])), skin, ball(s, 0.3))
    s.fill(smooth(mirrored([[0.02, 0.5], [0.25, 0.45], *half[6:].tolist()])), skin, ball(s))
    for x, y in s.rng.uniform((-0.08, -0.1), (0.08, 0.15), (3, 2)):
        s.fill(oval(x, y, 0.03, 0.06), (74, 44, 28))


def banana_peel(s: Sketch) -> None:
    skin = s.colour((0.6, 0.85), (0.7, 0.95), (0.12, 0.16))
    for angle in s.rng.permutation(np.linspace(0.35, 2.8, s.pick(3, 4)) + s.rng.normal(0, 0.12)):
        along, side = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        tip, droop = along * s.between(0.85, 1.05) + (0, 0.1), np.array([0, -0.14])
        middle = along * 0.5 + droop
        lobe = [(-0.1, -0.4), middle + side * 0.2, tip, tip, middle - side * 0.2, (0.1, -0.4)]
        inside = [(0, -0.2), middle + side * 0.09, tip * 0.9, middle - side * 0.09]
        s.fill(smooth(lobe) - (0, 0.2), skin, folds(s, 0.3, 6, 6))
        s.fill(smooth(inside) - (0, 0.2), (238, 224, 172), folds(s, 0.12), s.pick(0, 0.9))
        for x, y in s.rng.normal(middle + (0, -0.2), 0.08, (5, 2)):
            s.fill(blob(s.rng, x, y, s.between(0.01, 0.04)), (92, 62, 30), opacity=0.75)
    s.fill(smooth([(-0.14, -0.45), (-0.06, -0.85), (0.05, -0.85), (0.14, -0.45)]), skin, cylinder(s))
    s.fill(rect(-0.06, -0.9, 0.05, -0.8), (84, 66, 34))


def leaf(s: Sketch) -> None:
    tint, wide = s.colour((0.4, 0.8), (0.3, 0.7), (0.07, 0.33)), s.between(0.32, 0.55)
    half = [(0, -0.88), (0, -0.88), (wide * 0.6, -0.5), (wide, 0), (wide * 0.7, 0.4), (0.03, 0.62)]
    s.stroke(smooth([(0, 0.5), (0.02, 0.75), (s.between(-0.12, 0.12), 0.95)], False), tint * 0.7, 0.05)
    s.fill(smooth(mirrored(half)), tint, folds(s, 0.3, 7, 7))
    s.fill(smooth(half), tint * 0.82, folds(s, 0.2), 0.8)
    for y in np.linspace(-0.6, 0.45, 7):
        reach = wide * (0.75 - abs(y + 0.05) * 0.7)
        s.stroke([(-reach, y - 0.16), (0, y), (reach, y - 0.16)], tint * 0.6 + 70, 0.018, 0.8)
    s.stroke([(0, -0.85), (0, 0.6)], tint * 0.6 + 70, 0.035)


def bone(s: Sketch) -> None:
    tint = s.vary((232, 220, 192), 10)
    half = path("0 -66, 14 -85, 32 -76, 28 -55, 12 -40, 10 0, 12 40, 28 55, 32 76, 14 85, 0 66")
    half[4:7, 0] *= s.between(0.75, 1.3)
    s.fill(smooth(mirrored(half)), tint, cylinder(s, 0.15) + 0.05 + folds(s, 0.08) - 0.92)
    for y in (-0.5, 0.5):
        s.fill(blob(s.rng, s.between(-0.1, 0.1), y, s.between(0.06, 0.14), 0.4), (150, 84, 52), opacity=0.6)


def fish_bone(s: Sketch) -> None:
    tint = s.vary((216, 208, 190), 14)
    s.stroke(smooth([(0, -0.45), (s.between(-0.08, 0.08), 0.1), (0, 0.6)], False), tint, 0.06)
    for y in np.linspace(-0.3, 0.45, 7):
        reach = 0.38 - 0.3 * abs(y + 0.05)
        s.stroke(smooth([(-reach, y + 0.12), (0, y), (reach, y + 0.12)], False), tint, 0.04)
    s.fill(smooth(mirrored(path("0 -92, 20 -70, 27 -45, 10 -36, 0 -38"))), s.vary((160, 166, 160)), ball(s, 0.3))
    s.fill(oval(0.09, -0.62, 0.05, 0.05), WHITE)
    s.fill(oval(0.09, -0.62, 0.025, 0.025), BLACK)
    s.fill(mirrored(path("0 55, 30 90, 10 84, 0 78")), s.vary((150, 158, 156)), slope(s, 0.25))


def citrus_half(s: Sketch) -> None:
    rind = s.colour((0.75, 0.95), (0.75, 0.95), (0.06, 0.2))
    s.fill(oval(0, 0.08, 0.68, 0.66), rind * 0.8, ball(s))
    s.fill(oval(0, 0, 0.66, 0.62), rind, ball(s))
    s.fill(oval(0, 0, 0.6, 0.56), (244, 232, 196))
    start = s.between(0, 0.2)
    for turn in np.linspace(0, 1, 9, endpoint=False) + start:
        arc = oval(0, 0, 0.53, 0.49, turn + 0.008, turn + 0.103, 6)
        s.fill(np.concatenate([[arc.mean(0) * 0.13], arc]), s.vary(rind * 0.9 + 22, 8), folds(s, 0.15))


# Trash


def scrap(s: Sketch, x: float, y: float, r: float) -> None:
    """Draw a small random piece of debris of radius `r`: pebble, twig, leaf, paper or bottle cap."""
    kind, angle = s.pick("pebble", "twig", "leaf", "paper", "cap"), s.between(0, 6.28)
    along = np.array([np.cos(angle), np.sin(angle)])
    if kind == "pebble":
        s.fill(blob(s.rng, x, y, r * 0.7), s.vary((140, 132, 122), 30), ball(s))
    elif kind == "twig":
        bend = s.rng.normal(0, r / 3, 2)
        line = (x, y) + np.array([-along * r * 1.5, bend, along * r * 1.5])
        s.stroke(smooth(line, False), s.vary((96, 72, 50)), r / 4)
    elif kind == "leaf":
        side = np.array([-along[1], along[0]]) * 0.5
        outline = smooth((x, y) + r * np.array([-along, -along, side, along, along, -side]))
        s.fill(outline, s.colour((0.4, 0.8), (0.3, 0.7), (0.06, 0.3)), slope(s, 0.2))
        s.stroke([(x, y) - along * r, (x, y) + along * r], (80, 75, 45), r / 10)
    elif kind == "paper":
        outline = (x, y) + r * s.rng.uniform(0.4, 1, (5, 1)) * oval(0, 0, 1, 1, steps=6)[:5]
        s.fill(outline, s.vary((222, 218, 208), 25), crumple(s, 6))
    else:
        s.fill(oval(x, y, r * 0.7, r * 0.7), s.colour(), ball(s, 0.4))
        s.fill(oval(x, y, r * 0.45, r * 0.45), s.colour(), opacity=0.5)


def crisp_packet(s: Sketch) -> None:
    tint, wide = s.colour((0.5, 0.95), (0.4, 0.95)), s.between(0.46, 0.56)
    teeth = np.tile([0, 0.035], 11)
    top = np.column_stack([np.linspace(-wide, wide, 22), -0.82 + teeth])
    sides = smooth([(wide, -0.8), (wide * 0.9, -0.66), (wide * 1.06, 0), (wide * 0.9, 0.66), (wide, 0.8)], False)
    outline = np.concatenate([top, sides, top[::-1] * (1, -1), sides[::-1] * (-1, 1)])
    s.fill(outline, tint, crumple(s, 30, 0.25) + 0.08)
    for y in (-0.74, -0.69, 0.7, 0.75):
        s.stroke([(-wide, y), (wide, y)], tint * 0.5 + 120, 0.02, 0.7)
    s.fill(oval(0, -0.2, wide * 0.75, 0.24), s.colour((0.4, 0.9), (0.6, 1)), crumple(s, 14, 0.15) + 0.08)
    lettering(s, -wide * 0.5, wide * 0.5, -0.27, -0.13, s.pick(WHITE, BLACK), 2)
    for x, y in s.rng.uniform((-0.3, 0.15), (0.3, 0.55), (4, 2)):
        s.fill(blob(s.rng, x, y, 0.12), s.vary((226, 178, 84)), ball(s))


def bin_bag(s: Sketch) -> None:
    tint = s.pick(s.vary((40, 42, 46), 8), s.vary((40, 42, 46), 8), s.colour((0.1, 0.5), (0.3, 0.7)))
    knot = path("-8 -50, -30 -82, -12 -78, 0 -90, 12 -76, 32 -80, 8 -50")
    s.fill(smooth(knot), tint * 0.9, crumple(s, 10, 0.35))
    half = path("7 -54, 30 -36, 62 5, 68 50, 50 80, 0 84") + s.rng.normal(0, 0.025, (6, 2))
    s.fill(smooth(mirrored(half)), tint, crumple(s, 44, 0.32) + 0.12)
    for x in np.linspace(-0.45, 0.45, 7):
        crease = smooth([(x * 0.15, -0.48), (x * 0.8, -0.2), (x * 1.1, s.between(0.0, 0.3))], False)
        s.stroke(crease, tint * 0.5 + 110, 0.022, 0.55)
    s.fill(rect(-0.11, -0.57, 0.11, -0.47, 0.03), s.pick(tint * 0.6, s.colour()), cylinder(s))


def tissue(s: Sketch) -> None:
    outline = blob(s.rng, 0, 0, 0.62, 0.35, 13)
    s.fill(outline, s.vary((232, 228, 222), 8), folds(s, 0.32, 8, 8) * (crumple(s, 14, 0.15) + 0.14))
    for _ in range(s.pick(1, 3, 4)):
        x, y = s.rng.normal(0, 0.22, 2)
        stain = blob(s.rng, x, y, s.between(0.05, 0.16), 0.4)
        s.fill(stain, s.pick((150, 112, 62), (176, 70, 52), (168, 160, 80)), opacity=0.5)


def mixed_bits(s: Sketch) -> None:
    for x, y in s.rng.normal(0, 0.38, (s.pick(12, 16, 20), 2)).clip(-0.75, 0.75):
        scrap(s, x, y, s.between(0.12, 0.26))
    for _ in range(s.pick(1, 2, 3)):
        start, angle = s.rng.uniform(-0.45, 0.45, 2), s.between(0, 6.28)
        along = np.array([np.cos(angle), np.sin(angle)]) * 0.2
        s.stroke([start - along, start + along], s.vary(WHITE, 6), 0.11)
        s.stroke([start + along * 0.3, start + along], (206, 142, 72), 0.11)


def face_mask(s: Sketch) -> None:
    tint = s.pick(s.colour((0.15, 0.35), (0.7, 0.92), (0.5, 0.6)), s.vary((226, 226, 224)))
    for side in (-1, 1):
        s.stroke(smooth(path("60 -36, 95 -30, 85 10, 60 38") * (side, 1), False), WHITE, 0.04)
    s.fill(rect(-0.62, -0.45, 0.62, 0.46, 0.06), tint, folds(s, 0.15))
    for y in np.linspace(-0.28, 0.3, 4):
        s.stroke(smooth([(-0.6, y), (0, y + s.between(0.02, 0.08)), (0.6, y)], False), tint * 0.7, 0.03, 0.8)
    s.stroke([(-0.25, -0.4), (0.25, -0.4)], WHITE, 0.04, 0.8)
    x, y = s.rng.normal(0, 0.2, 2)
    s.fill(blob(s.rng, x, y, s.between(0.05, 0.2), 0.4), (120, 96, 66), opacity=0.4)
