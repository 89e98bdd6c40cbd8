"""Telling a working run from a lost one by its beat counter, whatever the clocks say."""

import threading
import time
from collections.abc import Callable

from core.experiment.runs.run import Run, State

BEAT_SECONDS = 1.0
STALE_AFTER = 10.0


class HeartbeatMonitor:
    """Remembers when each run's beat counter last changed. `clock` must never be set back."""

    def __init__(self, stale_after: float = STALE_AFTER, clock: Callable[[], float] = time.monotonic) -> None:
        self._stale_after, self._clock = stale_after, clock
        self._seen: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def observe(self, run: Run) -> Run:
        """The run, with state `LOST` where its worker has not beaten for `stale_after` seconds."""
        if run.state.is_finished or run.state is State.QUEUED:
            self._seen.pop(run.id, None)
            return run
        now = self._clock()
        with self._lock:
            beat, since = self._seen.get(run.id, (-1, now))
            if beat != run.status.beat:
                since = now
                self._seen[run.id] = (run.status.beat, now)
        return run.with_state(State.LOST) if now - since > self._stale_after else run
