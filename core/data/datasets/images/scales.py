"""Scales of images with more than 8 bits per channel: one white value for all images of a kind in a data set.

A kind is a type of value and of colour, such as "16-bit grey" or "16-bit colour".

Scanning chooses the white values; manifests and exported models record them, so that an image is read the same way in
training, evaluation, prediction and exports. A scale is recorded as text, for example "16-bit grey: 4095".
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from core.data.datasets.dataset import ImageFile, Problem
from core.data.datasets.images.decode import TOLERANCE, Levels, Whites, white_value

_SHARE = 0.95  # white covers this share of the images of a kind: one hot pixel must not darken a whole data set
_BITS = {255.0: 8, 1_023.0: 10, 4_095.0: 12, 16_383.0: 14, 65_535.0: 16}
_ORDINARY = {
    "16-bit grey": {65_535.0},
    "16-bit colour": {65_535.0},
    "32-bit grey": {255.0, 65_535.0},
    "float grey": {1.0, 255.0},
}
"""White values that need no report, by kind."""


def scale_text(kind: str, white: float) -> str:
    """Return the scale of a kind of image as text; `parse_scale` reads it exactly."""
    return f"{kind}: {repr(white).removesuffix('.0')}"


@lru_cache(256)
def parse_scale(text: str) -> Whites:
    """Return the white value by kind that a scale contains; none for "". Raises `ValueError` for other text."""
    if not text:
        return MappingProxyType({})
    kind, _, white = text.rpartition(": ")
    if not kind or not 0 < float(white) < np.inf:
        raise ValueError(f"Expected a scale such as '16-bit grey: 4095'; received {text!r}.")
    return MappingProxyType({kind: float(white)})


def whites_of(scales: Sequence[str] | None) -> Whites | None:
    """Return the white values of all these scales by kind; None if `scales` is None: nothing was recorded."""
    return None if scales is None else {kind: white for text in scales for kind, white in parse_scale(text).items()}


def assign_scales(images: Sequence[ImageFile]) -> tuple[list[ImageFile], list[Problem]]:
    """Set the scale of each image with more than 8 bits; report scales that are unusual or do not fit all images."""
    by_kind: dict[str, list[ImageFile]] = defaultdict(list)
    for image in images:
        if image.levels:
            by_kind[image.levels.kind].append(image)
    whites = {kind: _common_white([_levels(image).highest for image in found]) for kind, found in by_kind.items()}
    problems = [problem for kind, found in by_kind.items() for problem in _problems(kind, found, whites[kind])]
    return [_with_scale(image, whites) for image in images], problems


def _common_white(highest: Sequence[float]) -> float:
    return white_value(float(np.quantile(highest, _SHARE, method="higher")))


def _with_scale(image: ImageFile, whites: Whites) -> ImageFile:
    kind = image.levels.kind if image.levels else ""
    return replace(image, scale=scale_text(kind, whites[kind])) if kind else image


def _problems(kind: str, images: Sequence[ImageFile], white: float) -> Iterator[Problem]:
    """Yield what a user should check: the range of the kind, values below 0, and images with values above white."""
    highest = max(level for image in images if (level := _levels(image).highest) <= (1 + TOLERANCE) * white)
    name, used = f"{kind} ({len(images):,})", f"uses 0-{highest:,g}"
    if white in _BITS and white not in _ORDINARY[kind]:
        of_all = " of 65,535" if kind.startswith("16-bit") else ""
        yield Problem(name, f"{used}{of_all}", f"read as {_BITS[white]}-bit")
    elif white not in _ORDINARY[kind]:
        yield Problem(name, f"{used}, which is no usual range", f"{white:,g} is read as white")
    if negative := sum(_levels(image).lowest < -TOLERANCE * white for image in images):
        yield Problem(name, f"{negative:,} with values below 0", "those values are read as black")
    for image in images:
        if _levels(image).highest > (1 + TOLERANCE) * white:
            reason = f"values up to {_levels(image).highest:,g}, unlike the other images"
            yield Problem(image.path, reason, f"those above {white:,g} are read as white")


def _levels(image: ImageFile) -> Levels:
    assert image.levels is not None  # of images with more than 8 bits
    return image.levels
