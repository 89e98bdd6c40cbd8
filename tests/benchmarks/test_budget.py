"""A benchmark within a limit of time skips what does not fit, ends what takes too long, and loses no result."""

from collections.abc import Iterator

import pytest

from benchmarks.support.common import Measurement
from benchmarks.support.gpu.budget import Budget, Task, measure_within
from benchmarks.support.gpu.streaming import stream_results


class Clock:
    """A clock that tasks advance."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def task(self, name: str, least: float, takes: float, error: Exception | None = None) -> Task:
        def measure(budget: Budget) -> Iterator[Measurement]:
            yield Measurement(name, f"{budget.left:.0f} s left")
            self.now += takes
            if error:
                raise error

        return Task(name, least, measure)


def test_a_task_that_no_longer_fits_is_skipped_and_a_shorter_one_is_not():
    clock = Clock()
    tasks = [clock.task("first", 1, takes=45), clock.task("long", 20, takes=1), clock.task("short", 10, takes=1)]
    rows = [(row.name, row.value) for row in measure_within(Budget(60, clock), [tasks])]
    assert rows == [
        ("first", "60 s left"),
        ("long", "skipped: 15 s are left, it needs 20 s or more"),
        ("short", "15 s left"),
    ]


def test_groups_share_the_budget_and_inherit_what_is_left():
    clock = Clock()
    groups = [[clock.task("a", 1, takes=10)], [clock.task("b", 1, takes=70)], [clock.task("c", 1, takes=1)]]
    rows = [row.value for row in measure_within(Budget(90, clock), groups)]
    assert rows == ["30 s left", "40 s left", "10 s left"]


@pytest.mark.parametrize("error", [TimeoutError(), RuntimeError("no memory")])
def test_a_task_that_ends_early_keeps_its_results_and_the_next_one_runs(error):
    clock = Clock()
    tasks = [clock.task("a", 1, takes=10, error=error), clock.task("b", 1, takes=1)]
    rows = [row.value for row in measure_within(Budget(60, clock), [tasks])]
    ended = f"failed: {error}" if str(error) else "ended: its time was over"
    assert rows == ["60 s left", ended, "50 s left"]


def test_results_of_a_process_that_is_ended_are_kept():
    code = """if True:
        import time
        print('a line of a library')
        print('{"rate": 1}', flush=True)
        time.sleep(60)
    """
    results = stream_results(["-c", code], {}, seconds=1)
    assert next(results) == {"rate": 1}
    with pytest.raises(TimeoutError):
        next(results)


def test_the_end_of_the_message_of_a_failed_process_is_shown():
    with pytest.raises(RuntimeError, match=r"received 3: missing$"):
        list(stream_results(["-c", "import sys; print('missing', file=sys.stderr); sys.exit(3)"], {}, seconds=60))
