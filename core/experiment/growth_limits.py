"""Limits of a study that grows until it is settled, and the numbers of seeds at which it is judged."""

from dataclasses import dataclass
from typing import Final

from core.experiment.strategy import expect_integer, expect_number

MAX_SEEDS: Final = 20
"""The largest number of seeds of a study."""

LOOKS: Final = (3, 5, 7, 10, 20)
"""Numbers of seeds at which the results are judged.

Each look has the error rate of a single verdict: simulated studies without a difference claim one at any of the looks
in at most 5% (`docs/method.md`), because the verdict is conservative for few seeds.
"""


@dataclass(frozen=True)
class GrowthLimits:
    """Number of seeds, and minutes of training of all runs together (None = unlimited), after which a study ends."""

    max_seeds: int = MAX_SEEDS
    minutes: float | None = None

    def __post_init__(self) -> None:
        expect_integer("max_seeds", self.max_seeds, 2, MAX_SEEDS)
        if self.minutes is not None:
            expect_number("minutes", self.minutes, 0, 1e6)

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds at which the study is judged, the last of them the largest allowed."""
        return (*(number for number in LOOKS if number < self.max_seeds), self.max_seeds)
