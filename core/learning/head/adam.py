"""The Adam optimizer on NumPy arrays, with the state that Keras' Adam keeps."""

from collections.abc import Sequence

import numpy as np

Arrays = tuple[np.ndarray, ...]

BETA_1, BETA_2, EPSILON = 0.9, 0.999, np.float32(1e-7)
"""The defaults of Keras."""


class Adam:
    """Changes arrays in place by their gradients (Kingma and Ba 2015, arXiv 1412.6980, as Keras computes it).

    Args:
        weights: the float32 arrays to change.
    """

    def __init__(self, weights: Sequence[np.ndarray], learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self._weights = weights
        self._means = [np.zeros_like(array) for array in weights]
        self._squares = [np.zeros_like(array) for array in weights]
        self._scratch = [np.empty_like(array) for array in weights]
        self._steps = 0

    def step(self, gradients: Sequence[np.ndarray]) -> None:
        """Make one step. The gradients are in the order of the weights, each of the same shape."""
        self._steps += 1
        rate = np.float32(self.learning_rate * np.sqrt(1 - BETA_2**self._steps) / (1 - BETA_1**self._steps))
        arrays = zip(self._weights, gradients, self._means, self._squares, self._scratch, strict=True)
        for weight, gradient, mean, square, scratch in arrays:  # all in place: new arrays would take twice the time
            np.subtract(gradient, mean, out=scratch)
            scratch *= np.float32(1 - BETA_1)
            mean += scratch
            np.multiply(gradient, gradient, out=scratch)
            scratch -= square
            scratch *= np.float32(1 - BETA_2)
            square += scratch
            np.sqrt(square, out=scratch)
            scratch += EPSILON
            np.divide(mean, scratch, out=scratch)
            scratch *= rate
            weight -= scratch

    def state(self) -> Arrays:
        """Copies of the state, in the order of the variables of Keras' Adam: steps, rate, then mean and square each."""
        moments = (array.copy() for pair in zip(self._means, self._squares, strict=True) for array in pair)
        return (np.array(self._steps), np.array(self.learning_rate, np.float32), *moments)

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """Restore a state; one that does not fit is ignored, and the optimizer starts anew."""
        moments = [array for pair in zip(self._means, self._squares, strict=True) for array in pair]
        if [array.shape for array in state[2:]] == [array.shape for array in moments]:
            self._steps = int(state[0])
            for moment, stored in zip(moments, state[2:], strict=True):
                moment[...] = stored

    def reset(self) -> None:
        """Forget all steps."""
        self._steps = 0
        for array in (*self._means, *self._squares):
            array[...] = 0
