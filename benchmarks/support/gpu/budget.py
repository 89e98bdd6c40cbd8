"""A limit of time for a benchmark of several parts: a part that no longer fits is skipped, a slow one is ended."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.support.common import Measurement


class Budget:
    """Seconds that are left of a limit.

    Args:
        seconds: the limit, from now on.
        clock: the present time in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._end = clock, clock() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - self._clock())

    def share(self, parts: int) -> "Budget":
        """The budget of the first of `parts` parts that divide equally what is left."""
        return Budget(self.left / parts, self._clock)


@dataclass(frozen=True)
class Task:
    """A part of a benchmark.

    Args:
        least: seconds below which it is not worth starting.
        measure: yields its results, within a budget; raises `TimeoutError` when that is used up.
    """

    name: str
    least: float
    measure: Callable[[Budget], Iterator[Measurement]]


def measure_within(budget: Budget, groups: Sequence[Sequence[Task]]) -> Iterator[Measurement]:
    """Yield the results of all tasks, as they come, and a line for each that is skipped, ended or failed.

    The groups share the budget: what one leaves is for the next ones.
    """
    for number, tasks in enumerate(groups):
        share = budget.share(len(groups) - number)
        for task in tasks:
            if share.left < task.least:
                yield Measurement(
                    task.name, f"skipped: {share.left:.0f} s are left, it needs {task.least:.0f} s or more"
                )
                continue
            try:
                yield from task.measure(share)
            except TimeoutError:
                yield Measurement(task.name, "ended: its time was over")
            except RuntimeError as error:
                yield Measurement(task.name, f"failed: {error}")
