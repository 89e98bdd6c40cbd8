"""The source world, on which the sample base was pretrained: drawn objects of 16 outlines, 16 surfaces and 8 finishes.

It has no class in common with the sample set: outlines are geometric shapes, surfaces are patterns, finishes are ways
of reflecting light. Each of the 2,048 combinations is a class.
"""

from tools.sample_base.source_world.finishes import FINISHES
from tools.sample_base.source_world.outlines import OUTLINES
from tools.sample_base.source_world.render import CLASSES, DrawnImages, draw_batch
from tools.sample_base.source_world.surfaces import SURFACES

__all__ = ["CLASSES", "FINISHES", "OUTLINES", "SURFACES", "DrawnImages", "draw_batch"]
