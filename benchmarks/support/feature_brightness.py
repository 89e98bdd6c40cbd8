"""Random brightness on pooled features, one head trained on it: used by `feature_augmentation.py`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.learning.head.gradients import mean_loss_and_accuracy
from core.learning.head.head_weights import initial_head, predict_log_probabilities
from core.learning.head.trainer import HeadTrainer
from core.learning.inputs.training_data import EpochBatches

NONE, PER_IMAGE, PER_CHANNEL = "none", "per image", "per channel"
BATCH_SIZE, LEARNING_RATE = 32, 1e-3


@dataclass(frozen=True)
class Setting:
    """How the features of the training images are augmented.

    Args:
        copies: augmented copies of each image; 1 = the unchanged image.
        brightness: one of `NONE`, `PER_IMAGE`, `PER_CHANNEL`.
        strength: the largest shift, as a fraction of the range of an image's features.
    """

    copies: int
    brightness: str = NONE
    strength: float = 0.0


@dataclass(frozen=True)
class Part:
    """The pooled features (n, channels) of one split, one array for each augmented copy, and the labels (n,)."""

    copies: Sequence[np.ndarray]
    labels: np.ndarray


def change_brightness(features: np.ndarray, setting: Setting, random: np.random.Generator) -> np.ndarray:
    """Shift the features (n, channels) of each image at random: all alike, or each channel on its own.

    The features of an image are scaled to 0..1 by their own minimum and maximum, shifted, clipped, and scaled back (Bär
    et al. 2024, arXiv 2403.10519).
    """
    if setting.brightness == NONE:
        return features
    low = features.min(axis=1, keepdims=True)
    width = np.maximum(features.max(axis=1, keepdims=True) - low, 1e-6)
    shifts = (len(features), 1 if setting.brightness == PER_IMAGE else features.shape[1])
    shift = random.uniform(-setting.strength, setting.strength, shifts).astype(np.float32)
    return np.clip((features - low) / width + shift, 0, 1) * width + low


def train_head(setting: Setting, train: Part, validation: Part, test: Part, seed: int, epochs: int) -> dict[str, float]:
    """Train a head; return the accuracies of its best epoch by validation, and its seconds of processor time."""
    start, best = time.process_time(), (-1.0, 0.0, 0.0)
    classes = int(train.labels.max()) + 1
    trainer = HeadTrainer(initial_head(train.copies[0].shape[1], classes, seed), LEARNING_RATE, seed)
    random = np.random.default_rng([seed, 2])  # another stream than order and dropout

    def features_of(numbers: np.ndarray, epoch: int) -> np.ndarray:
        return change_brightness(train.copies[epoch % len(train.copies)][numbers], setting, random)

    batches = EpochBatches(features_of, train.labels, BATCH_SIZE, seed)
    for epoch in range(epochs):
        batches.start_epoch(epoch)
        trainer.start_epoch(epoch)
        for number in range(len(batches)):
            trainer.step(*batches[number])
        (loss, accuracy), (_, test_accuracy) = (
            mean_loss_and_accuracy(predict_log_probabilities(trainer.head, part.copies[0]), part.labels)
            for part in (validation, test)
        )
        best = max(best, (accuracy, -loss, test_accuracy))
    return {"validation": best[0], "test": best[2], "head_seconds": time.process_time() - start}
