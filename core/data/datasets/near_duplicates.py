"""Near-duplicates: files that show the same photo, resized, recompressed, slightly cropped, brightened or mirrored.

The search has two steps. First all pairs of signatures (small, band-pass filtered grey versions) are correlated, and
only highly correlated pairs remain. Then template matching searches the centre of one image in the other, in colour
and at several scales. Groups are formed by complete linkage: every image of a group matches every other one, so that
the frames of a panning camera do not become one group. `benchmarks/near_duplicates.py` measures how many changed copies
are found and how many pairs are false matches.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np
from PIL import Image

from core.data.datasets.images.decode import to_square

CANDIDATE_CORRELATION, MATCH_CORRELATION = 0.8, 0.95
"""Minimum correlation of two signatures for the second step, and of a template with an image for a match."""

SIGNATURE_SIDE, MATCHING_SIDE = 24, 64
"""Side length in pixels of the images compared in the first and in the second step."""

MAX_CANDIDATES = 20_000
"""Pairs per class that reach the second step, the most highly correlated ones. A pair takes about two milliseconds."""

_MARGIN = 8  # pixels around the template: a crop may have removed them
_SCALES = (0.88, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12)
_MIN_CONTRAST = 1.0  # grey levels (standard deviation): images with less contrast match nothing
_BLOCK = 1_024  # signatures per matrix product
_CACHED_IMAGES = 2_000


def grey_square(image: Image.Image) -> bytes:
    """Return the 24 x 24 grey values from which the signature of an image is computed."""
    return to_square(image.convert("L"), SIGNATURE_SIDE).tobytes()


def signature(grey: bytes) -> np.ndarray:
    """Compute the (576,) float32 unit vector of the first step from a `grey_square`; zeros for almost no contrast."""
    values = np.frombuffer(grey, np.uint8).reshape(SIGNATURE_SIDE, SIGNATURE_SIDE)
    filtered = _band_pass(values.astype(np.float32), 0.8, 3.0)
    length = float(np.linalg.norm(filtered - filtered.mean()))
    has_contrast = length > _MIN_CONTRAST * SIGNATURE_SIDE
    return ((filtered - filtered.mean()) / length if has_contrast else np.zeros_like(filtered)).ravel()


def matching_image(image: Image.Image) -> np.ndarray:
    """Compute the (64, 64, 3) float32 image for the template matching of the second step."""
    return _band_pass(np.asarray(to_square(image, MATCHING_SIDE), np.float32), 1.0, 4.0)


def _band_pass(pixels: np.ndarray, fine: float, coarse: float) -> np.ndarray:
    """Remove noise and lighting: a difference of Gaussians with these standard deviations in pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), fine) - cv2.GaussianBlur(pixels, (0, 0), coarse)


@dataclass(frozen=True)
class NearDuplicates:
    """Near-duplicates among the images of one class.

    Args:
        groups: the first image of its group for each image that has near-duplicates in a group, by name.
        other_pairs: near-duplicates that are not in one group, because another pair of their groups does not match.
    """

    groups: dict[str, str]
    other_pairs: tuple[tuple[str, str], ...]


def group_near_duplicates(signatures: Mapping[str, np.ndarray], load: Callable[[str], np.ndarray]) -> NearDuplicates:
    """Find the near-duplicates, and form groups in which all images are near-duplicates of each other.

    Args:
        signatures: by the name of each image, for example its hash.
        load: returns the `matching_image` of an image by name; called only for candidates.
    """
    names = sorted(signatures)
    cached = lru_cache(_CACHED_IMAGES)(lambda number: load(names[number]))
    orientations: dict[tuple[int, int], list[bool]] = defaultdict(list)
    for first, second, is_mirrored in _candidates([signatures[name] for name in names]):
        orientations[first, second].append(is_mirrored)

    @cache
    def matches(pair: tuple[int, int]) -> bool:
        return any(is_match(cached(pair[0]), cached(pair[1]), mirrored) for mirrored in orientations.get(pair, ()))

    group_of = _complete_linkage(orientations, matches)
    between = [
        pair for pair in orientations if group_of.get(pair[0]) != group_of.get(pair[1]) or pair[0] not in group_of
    ]
    return NearDuplicates(
        {names[number]: names[group[0]] for number, group in sorted(group_of.items())},
        tuple((names[pair[0]], names[pair[1]]) for pair in between if matches(pair)),
    )


def _complete_linkage(
    pairs: Iterable[tuple[int, int]], matches: Callable[[tuple[int, int]], bool]
) -> dict[int, tuple[int, ...]]:
    """Return the sorted group of each number; all pairs of a group match. Groups are joined in the order of `pairs`."""
    group_of: dict[int, tuple[int, ...]] = {}
    refused: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    for pair in pairs:
        first, second = sorted(group_of.get(number, (number,)) for number in pair)
        if first == second or (first, second) in refused:
            continue
        if all(matches((min(a, b), max(a, b))) for a in first for b in second):
            joined = tuple(sorted(first + second))
            group_of |= dict.fromkeys(joined, joined)
        else:
            refused.add((first, second))
    return group_of


def is_match(first: np.ndarray, second: np.ndarray, is_mirrored: bool) -> bool:
    """Whether the centre of the second `matching_image` is found in the first."""
    template = (second[:, ::-1] if is_mirrored else second)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    if min(first.std(), template.std()) < _MIN_CONTRAST:  # a template without contrast matches everywhere
        return False
    sides = (round(len(template) * scale) for scale in _SCALES)
    return any(
        cv2.matchTemplate(first, cv2.resize(np.ascontiguousarray(template), (side, side)), cv2.TM_CCOEFF_NORMED).max()
        >= MATCH_CORRELATION
        for side in sides
    )


def _candidates(signatures: Sequence[np.ndarray]) -> list[tuple[int, int, bool]]:
    """Return (first, second, is mirrored) of pairs with correlated signatures, the most correlated first."""
    if not signatures:
        return []
    straight = np.array(signatures, np.float32)
    images = straight.reshape(-1, SIGNATURE_SIDE, SIGNATURE_SIDE)
    mirrored = np.ascontiguousarray(images[:, :, ::-1]).reshape(straight.shape)
    pairs = np.empty((0, 4), np.float32)
    for is_mirrored, others in ((0, straight), (1, mirrored)):
        for start in range(0, len(straight), _BLOCK):
            pairs = _most_correlated(np.vstack([pairs, _correlated_pairs(straight, others, start, is_mirrored)]))
    by_correlation = pairs[np.argsort(-pairs[:, 0])]
    return [(int(first), int(second), bool(is_mirrored)) for _, first, second, is_mirrored in by_correlation]


def _correlated_pairs(signatures: np.ndarray, others: np.ndarray, start: int, is_mirrored: int) -> np.ndarray:
    """Return the candidates among the pairs whose first image is in the block from `start`.

    Each of the (pairs, 4) rows is (correlation, first, second, is mirrored).
    """
    block = np.triu(signatures[start : start + _BLOCK] @ others[start:].T, 1)
    first, second = np.nonzero(block >= CANDIDATE_CORRELATION)
    return np.column_stack([block[first, second], start + first, start + second, np.full(len(first), is_mirrored)])


def _most_correlated(pairs: np.ndarray) -> np.ndarray:
    """Return the `MAX_CANDIDATES` pairs of highest correlation, in any order."""
    if len(pairs) <= MAX_CANDIDATES:
        return pairs
    return pairs[np.argpartition(-pairs[:, 0], MAX_CANDIDATES)[:MAX_CANDIDATES]]
