"""The output of a model as plain arrays, to be sent from the process that has Keras loaded to those that have not."""

from typing import NamedTuple

import numpy as np


class ModelOutput(NamedTuple):
    """Output of a model for n images.

    Args:
        probabilities: (n, classes) float32, before temperature scaling.
        heat_maps: (n, rows, columns, classes) uint8; how much each region supports each class, 255 at the maximum.
        novelty: (n,) float32 novelty scores (`core/learning/inference/novelty.py`), above 1 for images unlike the
            training data; None if the model has no novelty reference.
    """

    probabilities: np.ndarray
    heat_maps: np.ndarray
    novelty: np.ndarray | None
