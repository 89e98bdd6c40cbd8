"""How far a picture is from those that a model knows: a photo of a cat shall not be confidently plastic."""

import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from core.machine.files import write_whole

FILE = "familiar.npz"
NEIGHBOURS = 5
QUANTILE = 0.95
"""Of the validation images so many stay below the threshold: that many familiar pictures are rightly left unmarked."""

LEAST_IMAGES = 20
"""With fewer validation images the threshold would be chance."""

MOST_IMAGES = 2_000


@dataclass(frozen=True)
class NoveltyReference:
    """The validation images as a model sees them, and how far from each other they lie.

    Distance is 1 - cosine between last feature maps, averaged over the image, to the fifth nearest image: deep nearest
    neighbours (Sun et al. 2022, arXiv 2204.06507). Of what was tried it finds strange pictures best (docs/method.md).
    Validation images stand for what is known: the model has not learned from them, so they lie where others of their
    kind will.

    Args:
        known: (images, channels) of length 1 each.
        threshold: the distance below which 95 of 100 of them stay.
    """

    known: np.ndarray
    threshold: float

    @classmethod
    def of(cls, features: np.ndarray) -> "NoveltyReference | None":
        """From (images, channels) of the validation split; None where they are too few to tell."""
        if len(features) < LEAST_IMAGES:
            return None
        sample = np.linspace(0, len(features) - 1, min(len(features), MOST_IMAGES)).astype(int)
        known = _unit_length(features[sample])
        distances = _distances(known, known, NEIGHBOURS + 1)  # the nearest of each is itself
        return cls(known, max(float(np.quantile(distances, QUANTILE)), 1e-6))

    def novelty(self, features: np.ndarray) -> np.ndarray:
        """(n, channels) -> (n,) float32: the distance over the threshold; above 1 it is unlike what is known."""
        return (_distances(_unit_length(features), self.known, NEIGHBOURS) / self.threshold).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write `novelty_reference.npz` whole. Raises `OSError`."""
        content = io.BytesIO()
        np.savez(content, known=self.known.astype(np.float16), threshold=self.threshold)
        write_whole(folder / FILE, content.getvalue())

    @classmethod
    def load(cls, folder: Path) -> "NoveltyReference | None":
        """What `save` wrote; None where there is none that can be read."""
        try:
            with np.load(folder / FILE, allow_pickle=False) as found:
                known, threshold = found["known"].astype(np.float32), float(found["threshold"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        return cls(known, threshold) if known.ndim == 2 and np.isfinite(known).all() and threshold > 0 else None


def _unit_length(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _distances(rows: np.ndarray, known: np.ndarray, neighbour: int) -> np.ndarray:
    """(n,) the distance of each to its `neighbour`-th nearest known image."""
    likeness = rows @ known.T
    return 1 - np.partition(likeness, -neighbour, axis=1)[:, -neighbour]
