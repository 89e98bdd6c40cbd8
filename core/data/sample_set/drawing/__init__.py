"""Drawing functions for the objects of the sample set, by class; each draws upright on a transparent layer."""

from core.data.sample_set.drawing.battery_and_metal import (
    battery_pair,
    block_battery,
    button_cell,
    drink_can,
    foil_ball,
    food_tin,
    round_battery,
    sardine_tin,
)
from core.data.sample_set.drawing.biological_and_trash import (
    apple_core,
    banana_peel,
    bin_bag,
    bone,
    citrus_half,
    crisp_packet,
    face_mask,
    fish_bone,
    leaf,
    mixed_bits,
    scrap,
    tissue,
)
from core.data.sample_set.drawing.cardboard_and_paper import (
    closed_box,
    envelope,
    lined_sheets,
    newspaper,
    open_box,
    paper_ball,
    torn_sheet,
    tube,
)
from core.data.sample_set.drawing.clothes_and_shoes import (
    boot,
    dress,
    flip_flops,
    heeled_shoe,
    shirt,
    sneaker,
    sock,
    trousers,
)
from core.data.sample_set.drawing.glass_and_plastic import (
    broken_glass,
    carrier_bag,
    detergent_bottle,
    glass_bottle,
    jar,
    plastic_bottle,
    plastic_cup,
    wine_glass,
)
from core.data.sample_set.drawing.sketch import Drawer, Sketch, stretch

__all__ = ["DRAWERS", "Drawer", "Sketch", "scrap", "stretch"]

DRAWERS: dict[str, tuple[Drawer, ...]] = {
    "battery": (round_battery, battery_pair, block_battery, button_cell),
    "biological": (apple_core, banana_peel, leaf, bone, fish_bone, citrus_half),
    "cardboard": (closed_box, open_box, torn_sheet, tube),
    "clothes": (shirt, trousers, sock, dress),
    "glass": (glass_bottle, glass_bottle, jar, wine_glass, broken_glass),
    "metal": (drink_can, food_tin, foil_ball, sardine_tin),
    "paper": (lined_sheets, paper_ball, newspaper, envelope),
    "plastic": (plastic_bottle, plastic_bottle, plastic_cup, carrier_bag, detergent_bottle),
    "shoes": (sneaker, sneaker, boot, heeled_shoe, flip_flops),
    "trash": (crisp_packet, bin_bag, tissue, mixed_bits, face_mask),
}
