"""Near-duplicates: files that show one photo, resized, recompressed, cropped a little, brightened or mirrored.

Two steps. Small grey versions, of which only middle sizes of detail are kept, are compared all with all: who is not
alike there is no duplicate. Then the middle of one picture is looked for in the other, in colour and at several sizes.
`benchmarks/near_duplicates.py` measures how many of each kind are found, and how many photos are taken for another.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

from core.data.datasets.decode import to_square

ALIKE, SAME = 0.8, 0.95
"""Correlations: from which on two pictures are looked at closely, from which on they are one photo."""

SIDE, CLOSE_SIDE = 24, 64
"""Pixels of a side in the first and in the second step."""

MOST_LOOKED_AT = 20_000
"""Pairs of a class; of more only the most alike are looked at closely. A pair takes some two milliseconds."""

_MARGIN = 8  # of the middle that is looked for: a crop may have taken so much
_SCALES = (0.88, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12)
_FLAT = 1.0  # grey levels: a picture with less contrast than that says nothing
_BLOCK = 1_024
_LOOKS_KEPT = 2_000


def signature(image: Image.Image) -> np.ndarray:
    """(576,) float32 of length 1, for the first step; zeros for a picture without contrast."""
    grey = _detail(np.asarray(to_square(image.convert("L"), SIDE), np.float32), 0.8, 3.0)
    length = float(np.linalg.norm(grey - grey.mean()))
    return ((grey - grey.mean()) / length if length > _FLAT * SIDE else np.zeros_like(grey)).ravel()


def close_look(image: Image.Image) -> np.ndarray:
    """(64, 64, 3) float32, for the second step."""
    return _detail(np.asarray(to_square(image, CLOSE_SIDE), np.float32), 1.0, 4.0)


def _detail(pixels: np.ndarray, fine: float, coarse: float) -> np.ndarray:
    """Neither noise nor light: a difference of Gaussians of these widths, in pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), fine) - cv2.GaussianBlur(pixels, (0, 0), coarse)


def find_near_duplicates(signatures: Mapping[str, np.ndarray], look: Callable[[str], np.ndarray]) -> dict[str, str]:
    """For every picture that has near-duplicates the name of its photo: the first of their names.

    Args:
        signatures: by a name of each picture, say its hash.
        look: gives the `close_look` of a picture; asked only for those that are alike.
    """
    names = sorted(signatures)
    photo = list(range(len(names)))

    def root(number: int) -> int:
        while photo[number] != number:
            photo[number] = number = photo[photo[number]]
        return number

    seen = lru_cache(_LOOKS_KEPT)(lambda number: look(names[number]))
    for one, other, is_mirrored in _alike([signatures[name] for name in names]):
        first, second = sorted((root(one), root(other)))
        if first != second and are_same(seen(one), seen(other), is_mirrored):
            photo[second] = first
    roots = [root(number) for number in range(len(names))]
    shared = {number for number, of in enumerate(roots) if number != of}
    shared |= {roots[number] for number in shared}
    return {names[number]: names[roots[number]] for number in sorted(shared)}


def are_same(first: np.ndarray, second: np.ndarray, is_mirrored: bool) -> bool:
    """Whether the middle of the second is found in the first, two `close_look`s."""
    middle = (second[:, ::-1] if is_mirrored else second)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    if min(first.std(), middle.std()) < _FLAT:  # a flat template is found everywhere
        return False
    sides = (round(len(middle) * scale) for scale in _SCALES)
    return any(
        cv2.matchTemplate(first, cv2.resize(np.ascontiguousarray(middle), (side, side)), cv2.TM_CCOEFF_NORMED).max()
        >= SAME
        for side in sides
    )


def _alike(signatures: Sequence[np.ndarray]) -> list[tuple[int, int, bool]]:
    """(first, second, is mirrored) of pictures whose signatures correlate, the most alike first."""
    if not signatures:
        return []
    straight = np.array(signatures, np.float32)
    mirrored = np.ascontiguousarray(straight.reshape(-1, SIDE, SIDE)[:, :, ::-1]).reshape(straight.shape)
    found = np.empty((0, 4), np.float32)
    for flag, others in ((0, straight), (1, mirrored)):
        for start in range(0, len(straight), _BLOCK):
            found = _most_alike(np.vstack([found, _over(straight, others, start, flag)]))
    return [(int(first), int(second), bool(flag)) for _, first, second, flag in found[np.argsort(-found[:, 0])]]


def _over(rows: np.ndarray, others: np.ndarray, start: int, flag: int) -> np.ndarray:
    """(pairs, 4): correlation, first, second and flag of the pairs from `ALIKE` on whose first is in this block."""
    block = np.triu(rows[start : start + _BLOCK] @ others[start:].T, 1)
    first, second = np.nonzero(block >= ALIKE)
    return np.column_stack([block[first, second], start + first, start + second, np.full(len(first), flag)])


def _most_alike(pairs: np.ndarray) -> np.ndarray:
    """At most `MOST_LOOKED_AT` of them."""
    if len(pairs) <= MOST_LOOKED_AT:
        return pairs
    return pairs[np.argpartition(-pairs[:, 0], MOST_LOOKED_AT)[:MOST_LOOKED_AT]]
