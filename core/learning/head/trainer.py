"""Train the head on pooled features, in NumPy: the same steps as Keras, without building or tracing a network."""

import numpy as np

from core.experiment.parameter_counts import HEAD_DROPOUT, HEAD_UNITS
from core.learning.head.adam import Adam
from core.learning.head.blas_threads import in_one_thread
from core.learning.head.gradients import BatchResult, train_batch
from core.learning.head.head_weights import HeadWeights


class HeadTrainer:
    """A head and its optimizer.

    Args:
        head: the initial weights, which are copied.
        seed: determines the dropout, together with the epoch and the batch.
    """

    def __init__(
        self,
        head: HeadWeights,
        learning_rate: float,
        seed: int,
        dropout: float = HEAD_DROPOUT,
    ) -> None:
        self.head = head.copy()
        self.optimizer = Adam(self.head.trainable, learning_rate)
        self._seed, self._dropout = seed, dropout

    def start_epoch(self, epoch: int) -> None:
        """Derive the dropout of an epoch from seed and epoch, so that a resumed run repeats it."""
        self._random = np.random.default_rng([self._seed, epoch, 1])  # another stream than the order of the images

    def step(self, features: np.ndarray, labels: np.ndarray, image_weights: np.ndarray | None = None) -> BatchResult:
        """Train one batch; the result is of the weights before the step.

        Args:
            features: (n, channels).
            labels: (n,).
            image_weights: (n,) the weight of each image in the loss; None weights all equally.
        """
        keep = self._random.random((len(labels), HEAD_UNITS), np.float32) >= self._dropout
        factors = keep.astype(np.float32) / np.float32(1 - self._dropout)
        with in_one_thread():
            result = train_batch(self.head, features.astype(np.float32), labels, factors, image_weights)
            self.optimizer.step(result.gradients)
        return result

    @property
    def trainable_parameters(self) -> int:
        return sum(array.size for array in self.head.trainable)
