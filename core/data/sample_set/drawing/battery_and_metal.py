"""Batteries and metal objects: steel, tin and foil, drawn with strong highlights."""

import numpy as np

from core.data.sample_set.drawing.sketch import (
    BLACK,
    STEEL,
    WHITE,
    Colour,
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

# Battery


def polarity_sign(s: Sketch, x: float, y: float, r: float, colour: Colour, plus: bool) -> None:
    """Draw a plus or minus sign."""
    s.stroke([(x - r, y), (x + r, y)], colour, r * 0.55)
    if plus:
        s.stroke([(x, y - r), (x, y + r)], colour, r * 0.55)


def lightning_bolt(s: Sketch, x: float, y: float, r: float, colour: Colour) -> None:
    """Draw a lightning bolt."""
    s.fill(path("30 -100, -60 15, -5 15, -30 100, 60 -20, 5 -20") * r + (x, y), colour)


def _cell(s: Sketch, x: float, half: float, tall: float) -> None:
    light, sleeve, ink = cylinder(s, 0.5), s.colour(value=(0.12, 0.8)), s.vary(WHITE)
    top = s.pick(s.vary((190, 120, 62)), s.vary(STEEL), s.colour())
    s.fill(rect(x - half * 0.36, -tall - 0.1, x + half * 0.36, -tall + 0.05, 0.02), STEEL, light)
    s.fill(rect(x - half, -tall, x + half, tall, half * 0.16), s.vary(STEEL), light)
    split = s.between(0.2, 0.45)
    rows = np.where(np.arange(40)[:, None, None] < split * 40, top, sleeve)
    s.fill(rect(x - half * 1.02, -tall + 0.045, x + half * 1.02, tall - 0.05, half * 0.1), rows, light)
    s.stroke([(x - half, -tall + split * tall * 2), (x + half, -tall + split * tall * 2)], ink, 0.025, 0.6)
    polarity_sign(s, x, -tall + 0.2, half * 0.38, ink, True)
    polarity_sign(s, x, tall - 0.17, half * 0.38, ink, False)
    if s.chance(0.6):
        lightning_bolt(s, x, tall * 0.25, half * 0.75, s.colour((0.6, 0.9), (0.8, 1), (0.1, 0.2)))
    else:
        lettering(s, x - half * 0.6, x + half * 0.6, 0, tall * 0.5, ink, 4)


def round_battery(s: Sketch) -> None:
    _cell(s, 0, s.between(0.21, 0.42), s.between(0.68, 0.8))


def battery_pair(s: Sketch) -> None:
    half, tall = s.between(0.2, 0.28), s.between(0.6, 0.78)
    _cell(s, -half * 1.15, half, tall)
    _cell(s, half * 1.15, half, tall * s.between(0.9, 1))


def block_battery(s: Sketch) -> None:
    wide, body = s.between(0.42, 0.52), s.colour(value=(0.12, 0.7))
    for x in (-wide / 2, wide / 2):
        s.fill(rect(x - 0.13, -0.86, x + 0.13, -0.66, 0.03), STEEL, cylinder(s, 0.6))
        s.fill(oval(x, -0.86, 0.13, 0.05), (214, 216, 220))
    s.fill(oval(-wide / 2, -0.86, 0.07, 0.025), BLACK)
    s.fill(rect(-wide, -0.7, wide, 0.8, 0.05), s.vary(STEEL), slope(s, 0.25))
    top = s.pick(s.vary((190, 120, 62)), s.colour())
    s.fill(rect(-wide, -0.62, wide, 0.74, 0.03), np.where(np.arange(30)[:, None, None] < 10, top, body), folds(s, 0.1))
    polarity_sign(s, -wide / 2, -0.42, 0.1, WHITE, True)
    polarity_sign(s, wide / 2, -0.42, 0.1, WHITE, False)
    lightning_bolt(s, 0, 0.22, 0.3, s.colour((0.6, 0.9), (0.8, 1), (0.1, 0.2)))


def button_cell(s: Sketch) -> None:
    s.fill(oval(0, 0.1, 0.7, 0.68), (110, 112, 116), cylinder(s))
    s.fill(oval(0, 0, 0.7, 0.66), s.vary(STEEL), ball(s, 0.35) + folds(s, 0.12) - 0.95)
    s.stroke(oval(0, 0, 0.56, 0.53), (120, 122, 126), 0.03)
    polarity_sign(s, 0, -0.22, 0.15, (92, 94, 98), True)
    lettering(s, -0.32, 0.32, 0.08, 0.26, (92, 94, 98), 3)


# Metal


def drink_can(s: Sketch) -> None:
    wide, light = s.between(0.34, 0.42), cylinder(s, 0.5)
    tint = s.vary(STEEL) if s.chance(0.3) else s.colour((0.5, 0.95))
    half = [(wide * 0.82, -0.74), (wide, -0.58), (wide, 0.66), (wide * 0.84, 0.8)]
    s.fill(mirrored([*half, (0, 0.85)]), s.vary(STEEL, 8), light)
    s.fill(rect(-wide, -0.58, wide, 0.66), tint, light)
    band = path("-50 -15, 0 5, 50 -25, 50 30, 0 45, -50 35") + s.rng.normal(0, 0.08, (6, 2))
    s.fill(smooth(band).clip((-wide, -1), (wide, 1)), s.colour(), light, 0.9)
    lettering(s, -wide * 0.6, wide * 0.6, 0.0, 0.24, WHITE, 3)
    s.fill(oval(0, -0.74, wide * 0.84, 0.11), (206, 208, 212), ball(s, 0.4))
    s.fill(oval(0, -0.735, wide * 0.74, 0.085), (150, 153, 158), slope(s, 0.3))
    s.stroke(oval(0.02, -0.74, 0.1, 0.03), (232, 233, 235), 0.03)
    s.fill(oval(-0.1, -0.72, 0.08, 0.03), BLACK, opacity=s.pick(0.1, 0.95))


def food_tin(s: Sketch) -> None:
    wide, tall, metal = s.between(0.45, 0.56), s.between(0.42, 0.65), s.vary(s.pick(STEEL, STEEL, (198, 178, 136)), 10)
    ribs = 0.86 + 0.14 * np.sin(np.linspace(0, s.between(45, 70), 140))[:, None]
    body = np.concatenate([oval(0, tall, wide, 0.13, 0, 0.5), oval(0, -tall, wide, 0.13, 0.5, 1)])
    light = cylinder(s, 0.65)
    s.fill(body, metal, ribs * light)
    if s.chance(0.4):
        label = np.concatenate([oval(0, tall * 0.7, wide, 0.13, 0, 0.5), oval(0, -tall * 0.6, wide, 0.13, 0.5, 0)])
        s.fill(label, s.colour(), light)
        lettering(s, -wide * 0.6, wide * 0.6, tall * 0.1, tall * 0.5, WHITE, 3)
    s.fill(oval(0, -tall, wide, 0.13), metal * 1.1, slope(s, 0.3))
    s.fill(oval(0, -tall + 0.01, wide * 0.88, 0.1), s.pick(metal * 0.3, metal * 0.85), light)
    if s.chance(0.5):
        lid = oval(0.1, -tall - 0.24, wide * 0.85, s.between(0.2, 0.3))
        s.fill(lid, metal, ball(s, 0.5))
        s.stroke(lid * (0.8, 0.8) + (0.02, -0.2 * (tall + 0.24)), metal * 0.65, 0.02)


def foil_ball(s: Sketch) -> None:
    shade = crumple(s, 70, 0.6) * ball(s, 0.1)
    s.fill(blob(s.rng, 0, 0, s.between(0.55, 0.68), 0.12, 17), s.vary(STEEL, 10), shade)


def sardine_tin(s: Sketch) -> None:
    metal = s.vary(s.pick(STEEL, (206, 182, 120)), 10)
    s.fill(rect(-0.8, -0.42, 0.8, 0.56, 0.2), metal * 0.6, cylinder(s, 0.6))
    s.fill(rect(-0.8, -0.5, 0.8, 0.46, 0.2), metal * 1.05, slope(s, 0.3))
    s.fill(rect(-0.7, -0.42, 0.7, 0.38, 0.16), s.pick(metal * 0.85, s.colour()), folds(s, 0.25, 6, 2) + 0.06)
    s.stroke(rect(-0.58, -0.3, 0.58, 0.26, 0.12), metal * 0.6, 0.02)
    s.stroke(oval(0.42, -0.02, 0.14, 0.11), (224, 226, 228), 0.05)
    s.fill(oval(0.6, -0.02, 0.07, 0.06), (160, 162, 166), ball(s, 0.5))
