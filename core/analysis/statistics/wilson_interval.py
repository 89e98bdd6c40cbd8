"""Wilson's confidence interval for a proportion, such as an accuracy on a number of test images."""

import math
from statistics import NormalDist

CONFIDENCE = 0.95
Interval = tuple[float, float]


def wilson_interval(share: float, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Score interval of a proportion observed in `n` trials (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212).

    Unlike share ± z·sd it stays within 0 to 1 and does not shrink to a point at 0 or 1. Raises `ValueError`.
    """
    if not 0 <= share <= 1 or n < 1 or not 0 < confidence < 1:
        raise ValueError(
            "Expected a share from 0 to 1, at least one trial and a confidence between 0 and 1; "
            f"received {share!r}, {n!r} and {confidence!r}."
        )
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
