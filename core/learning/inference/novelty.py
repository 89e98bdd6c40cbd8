"""Novelty score: distance of an image's features to those of the validation images, to flag images unlike the training
data, such as a photo of a cat shown to a model of waste.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from core.machine.files import write_atomically

FILE = "familiar.npz"
NEIGHBOURS = 5
QUANTILE = 0.95
"""Share of the validation images below the threshold, and so of images like them that are rightly not flagged."""

MIN_IMAGES = 20
"""With fewer validation images the threshold would be unreliable."""

MAX_IMAGES = 2_000


@dataclass(frozen=True)
class NoveltyReference:
    """The features of the validation images, and the threshold above which an image counts as novel.

    The distance is 1 - cosine similarity of the last feature maps, averaged over the image, to the fifth nearest
    validation image: deep nearest neighbours (Sun et al. 2022, arXiv 2204.06507). It detects novel images best of the
    scores compared in docs/method.md. Validation images are the reference because the model has not been trained on
    them: new images of the same classes lie at similar distances.

    Args:
        known: (images, channels), each row of length 1.
        threshold: the distance that 95% of the validation images do not exceed.
    """

    known: np.ndarray
    threshold: float

    @classmethod
    def from_features(cls, features: np.ndarray) -> "NoveltyReference | None":
        """Build it from features (images, channels) of the validation split; None if there are too few images."""
        if len(features) < MIN_IMAGES:
            return None
        sample = np.linspace(0, len(features) - 1, min(len(features), MAX_IMAGES)).astype(int)
        known = _unit_length(features[sample])
        distances = _distances(known, known, NEIGHBOURS + 1)  # the nearest neighbour of each image is the image itself
        return cls(known, max(float(np.quantile(distances, QUANTILE)), 1e-6))

    def score(self, features: np.ndarray) -> np.ndarray:
        """Compute the novelty score, (n, channels) -> (n,) float32: distance / threshold; novel above 1."""
        return (_distances(_unit_length(features), self.known, NEIGHBOURS) / self.threshold).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write `familiar.npz` atomically. Raises `OSError`."""
        content = io.BytesIO()
        np.savez(content, known=self.known.astype(np.float16), threshold=self.threshold)
        write_atomically(folder / FILE, content.getvalue())

    @classmethod
    def load(cls, folder: Path) -> "NoveltyReference | None":
        """Read the file that `save` wrote; None if it is missing or damaged."""
        try:
            with np.load(folder / FILE, allow_pickle=False) as file:
                known, threshold = file["known"].astype(np.float32), float(file["threshold"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        return cls(known, threshold) if known.ndim == 2 and np.isfinite(known).all() and threshold > 0 else None


def _unit_length(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, np.float32)
    normalised: np.ndarray = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return normalised


def _distances(features: np.ndarray, known: np.ndarray, neighbour: int) -> np.ndarray:
    """Compute the distance (n,) of each image to its `neighbour`-th nearest known image."""
    similarity = features @ known.T
    return 1 - np.partition(similarity, -neighbour, axis=1)[:, -neighbour]
