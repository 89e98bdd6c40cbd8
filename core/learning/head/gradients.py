"""Loss and gradients of the head for one batch of pooled features, equal to those that Keras computes."""

from typing import Final, NamedTuple

import numpy as np

from core.learning.head.head_weights import EPSILON, HeadWeights, log_softmax

MOMENTUM: Final = np.float32(0.99)
"""Of the moving statistics of BatchNormalization: the default of Keras."""


class BatchResult(NamedTuple):
    """The mean loss of a batch, the number of its images that were classified correctly, and the gradients.

    The gradients are in the order of `HeadWeights.trainable`.
    """

    loss: float
    correct: int
    gradients: tuple[np.ndarray, ...]


def train_batch(
    head: HeadWeights,
    features: np.ndarray,
    labels: np.ndarray,
    keep: np.ndarray,
    image_weights: np.ndarray | None = None,
) -> BatchResult:
    """Compute the cross-entropy of a batch and its gradients, and update the moving statistics in `head`.

    BatchNormalization uses the statistics of the batch (Ioffe and Szegedy 2015, arXiv 1502.03167).

    Args:
        features: (n, channels) float32.
        labels: (n,) integers.
        keep: (n, units) float32, the dropout factors: 0, or 1 / (1 - rate).
        image_weights: (n,) weights of the images in the loss; None weights all equally.
    """
    images = np.arange(len(labels))
    hidden = np.maximum(features @ head.hidden_kernel + head.hidden_bias, 0)
    mean, variance = hidden.mean(axis=0), hidden.var(axis=0)
    deviation = 1 / np.sqrt(variance + EPSILON)
    normalised = (hidden - mean) * deviation
    kept = (normalised * head.gamma + head.beta) * keep
    log_probabilities = log_softmax(kept @ head.output_kernel + head.output_bias)
    weights = np.ones(len(labels), np.float32) if image_weights is None else image_weights.astype(np.float32)
    loss = float(np.mean(-log_probabilities[images, labels] * weights))
    correct = int(np.count_nonzero(log_probabilities.argmax(axis=1) == labels))

    error = np.exp(log_probabilities)
    error[images, labels] -= 1
    error *= (weights / np.float32(len(labels)))[:, None]
    gradient_scaled = (error @ head.output_kernel.T) * keep
    gradient_normalised = gradient_scaled * head.gamma
    gradient_hidden = deviation * (
        gradient_normalised
        - gradient_normalised.mean(axis=0)
        - normalised * np.mean(gradient_normalised * normalised, axis=0)
    )
    gradient_hidden *= hidden > 0
    _update_moving(head.mean, mean)
    _update_moving(head.variance, variance)
    gradients = (
        features.T @ gradient_hidden,
        gradient_hidden.sum(axis=0),
        (gradient_scaled * normalised).sum(axis=0),
        gradient_scaled.sum(axis=0),
        kept.T @ error,
        error.sum(axis=0),
    )
    return BatchResult(loss, correct, gradients)


def _update_moving(moving: np.ndarray, value: np.ndarray) -> None:
    """Move a moving statistic towards the value of a batch."""
    moving *= MOMENTUM
    moving += value * (1 - MOMENTUM)


def mean_loss_and_accuracy(log_probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The mean cross-entropy and the accuracy of log probabilities (n, classes) for labels (n,)."""
    loss = -log_probabilities[np.arange(len(labels)), labels].mean()
    return float(loss), float(np.mean(log_probabilities.argmax(axis=1) == labels))
