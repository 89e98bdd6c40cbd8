"""The source world: things of 16 outlines in 16 surfaces, drawn in batches, that the sample base learned from.

No class of the sample set is in it: outlines are geometry, surfaces are patterns, and each of the 256 pairs is a class.
"""

from core.data.world.outlines import OUTLINES
from core.data.world.render import CLASSES, Drawn, draw_batch
from core.data.world.surfaces import SURFACES

__all__ = ["CLASSES", "OUTLINES", "SURFACES", "Drawn", "draw_batch"]
