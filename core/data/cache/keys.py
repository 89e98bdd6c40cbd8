"""The kinds of rows that runs keep. What tells them apart is here alone, so that who looks for rows finds them."""

from dataclasses import asdict

from core.data.cache.row_store import Kind
from core.data.datasets.augmentation import AugmentedCopy

INGEST = 1
"""Raise it when `load_image` gives other pixels than before: what was kept is then left alone."""


def decoded_images(size: int) -> Kind:
    """Pixels (size, size, 3) of images as they are."""
    return Kind("decoded images", (size, size, 3), "uint8", {"size": size, "ingest": INGEST})


def frozen_feature_rows(
    cut: str, shape: tuple[int, ...], weights: str, size: int, view: AugmentedCopy | None, precision: str
) -> Kind:
    """What a frozen part says of one view of images of this size.

    Args:
        cut: the layer whose output the rows are.
        weights: a fingerprint of all weights below it.
    """
    return Kind(
        f"activations at {cut}",
        shape,
        precision,
        {"weights": weights, "size": size, "cut": cut, "ingest": INGEST, "view": view and asdict(view)},
    )
