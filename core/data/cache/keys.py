"""Cache keys: the kinds of cached rows, defined only here so that readers and writers agree."""

from dataclasses import asdict

from core.data.cache.row_store import Kind
from core.data.datasets.augmentation import AugmentedCopy

DECODER_VERSION = 1
"""Increase it when `load_image` returns different pixels than before: older cached rows are then no longer used."""


def decoded_image_rows(size: int) -> Kind:
    """Unchanged decoded images, (size, size, 3) uint8."""
    return Kind("decoded images", (size, size, 3), "uint8", {"size": size, "ingest": DECODER_VERSION})


def frozen_feature_rows(
    cut_point: str,
    shape: tuple[int, ...],
    weights: str,
    size: int,
    copy: AugmentedCopy | None,
    precision: str,
    in_bf16: bool = False,
) -> Kind:
    """Features of the frozen layers for one augmented copy of images of this size; for the unchanged images if None.

    Args:
        cut_point: name of the layer whose output is cached.
        shape: of the features of one image.
        weights: fingerprint of all weights below the cut point.
        precision: "float16" or "float32", in which they are stored.
        in_bf16: whether they are computed in bfloat16; exact ones keep the keys of versions that knew no others.
    """
    return Kind(
        f"activations at {cut_point}",
        shape,
        precision,
        {
            "weights": weights,
            "size": size,
            "cut": cut_point,
            "ingest": DECODER_VERSION,
            "view": copy and asdict(copy),
            **({"computed": "bfloat16"} if in_bf16 else {}),
        },
    )
