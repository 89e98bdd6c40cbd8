"""What a model sees in pictures, as plain arrays: they go from the process that has Keras to those that have not."""

from typing import NamedTuple

import numpy as np


class ModelOutput(NamedTuple):
    """What a model sees in n pictures.

    Args:
        probabilities: (n, classes) float32, as the model says them: no temperature yet.
        maps: (n, rows, columns, classes) uint8; where in the picture each class is found, 255 where most.
        strangeness: (n,) float32 (`core/learning/inference/novelty.py`), above 1 for a picture unlike those learned from; None
            where that is not known of this model.
    """

    probabilities: np.ndarray
    maps: np.ndarray
    novelty: np.ndarray | None
