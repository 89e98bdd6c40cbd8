"""Features in bfloat16, for training alone: faster where the processor computes with them, and nearly as exact.

They are used only if those of some training images point in nearly the direction of the exact ones. Whatever is judged,
predicted or exported is computed exactly.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.experiment.run_config import FASTEST, RunConfig
from core.learning.network.engines.engine import Engine, FrozenPart
from core.learning.network.engines.openvino_engine import OPENVINO_BF16
from core.learning.network.engines.probe_store import ProbeStore
from core.machine.processor import computes_bf16

_LOG = logging.getLogger(__name__)

CHECKED_IMAGES = 32
MIN_COSINE = 0.99
"""Least cosine between the features of an image in bfloat16 and the exact ones."""


@dataclass(frozen=True)
class Bf16:
    """Decides whether training features are computed in bfloat16.

    Args:
        engine: computes in bfloat16.
        warn: receives a sentence if it gives features that are too different.
    """

    engine: Engine
    store: ProbeStore = field(default_factory=ProbeStore)
    warn: Callable[[str], None] = lambda text: None

    def is_close(
        self,
        subject: Sequence[object],
        exact: Callable[[], FrozenPart],
        reduced: Callable[[], FrozenPart],
        pixels: Callable[[], np.ndarray],
    ) -> bool:
        """Whether the features of these images are close enough to the exact ones, as computed earlier or now.

        Args:
            subject: what determines the answer; it is saved for the same subject.
        """
        cosine = self.store.load(subject, [self.engine])
        if not isinstance(cosine, float):
            cosine = self._least_cosine(exact, reduced, pixels)
            if cosine is None:
                self.warn("The features are computed exactly: bfloat16 failed on this machine.")
                return False
            self.store.save(subject, [self.engine], cosine)
        if cosine < MIN_COSINE:
            self.warn(
                f"The features are computed exactly: in bfloat16 they differ too much (cosine {cosine:.3f}; at least "
                f"{MIN_COSINE} is needed)."
            )
        return cosine >= MIN_COSINE

    def _least_cosine(
        self, exact: Callable[[], FrozenPart], reduced: Callable[[], FrozenPart], pixels: Callable[[], np.ndarray]
    ) -> float | None:
        """Compute both features; None if this engine cannot, or has ended a process before."""
        try:
            with self.store.locked():
                if self.store.has_crashed(self.engine):
                    return None
                images = pixels()
                with self.store.marked(self.engine):
                    features = reduced()(images)
            return least_cosine(features, exact()(images))
        except Exception as error:  # libraries raise errors of any type
            _LOG.warning("%s is not used: %s", self.engine.name, error)
            return None


def bf16_for(config: RunConfig, warn: Callable[[str], None] = lambda text: None) -> Bf16 | None:
    """Return what decides about bfloat16; None if the run does not ask for it or this machine does not offer it."""
    if config.frozen_precision != FASTEST:
        return None
    if not computes_bf16():
        warn("The features are computed exactly: this processor does not compute in bfloat16.")
        return None
    from core.learning.network.accelerator import has_gpu  # it imports Keras

    return None if has_gpu() else Bf16(OPENVINO_BF16, warn=warn)


def least_cosine(features: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> float:
    """Compute the smallest cosine between two features of an image, over all images and cut points; 0 if undefined."""
    return min(float(np.min(_cosines(a, b), initial=1.0)) for a, b in zip(features, exact, strict=True))


def _cosines(features: np.ndarray, exact: np.ndarray) -> np.ndarray:
    a, b = (array.reshape(len(array), -1).astype(np.float64) for array in (features, exact))
    product = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = np.einsum("ij,ij->i", a, b) / np.where(product > 0, product, 1.0)
    same = (a == b).all(axis=1)  # such as features that are all zero
    return np.nan_to_num(np.where(same, 1.0, cosines))
