"""The source world that the sample base learned from: things of 16 outlines, 16 surfaces and 8 finishes, in batches.

No class of the sample set is in it: outlines are geometry, surfaces are patterns, finishes are what light does, and
each of the 2,048 triples is a class.
"""

from tools.sample_base.source_world.finishes import FINISHES
from tools.sample_base.source_world.outlines import OUTLINES
from tools.sample_base.source_world.render import CLASSES, Drawn, draw_batch
from tools.sample_base.source_world.surfaces import SURFACES

__all__ = ["CLASSES", "FINISHES", "OUTLINES", "SURFACES", "Drawn", "draw_batch"]
