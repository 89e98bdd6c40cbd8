"""Detect lost runs by their heartbeat, a counter in status.json, so that no clocks are compared."""

import threading
import time
from collections.abc import Callable

from core.experiment.runs.run import Run, State

HEARTBEAT_SECONDS = 1.0
"""Seconds between two increments of a worker's heartbeat."""

STALE_AFTER = 10.0
"""Seconds without a heartbeat after which a run is considered lost."""


class HeartbeatMonitor:
    """Records when each run's heartbeat last changed. `clock` must be monotonic."""

    def __init__(self, stale_after: float = STALE_AFTER, clock: Callable[[], float] = time.monotonic) -> None:
        self._stale_after, self._clock = stale_after, clock
        self._last_change: dict[str, tuple[int, float]] = {}  # by run id: heartbeat, time
        self._lock = threading.Lock()

    def observe(self, run: Run) -> Run:
        """Return the run, with state `LOST` if its heartbeat has not changed for `stale_after` seconds."""
        if run.state.is_finished or run.state is State.QUEUED:
            self._last_change.pop(run.id, None)
            return run
        now = self._clock()
        with self._lock:
            beat, since = self._last_change.get(run.id, (-1, now))
            if beat != run.status.beat:
                since = now
                self._last_change[run.id] = (run.status.beat, now)
        return run.with_state(State.LOST) if now - since > self._stale_after else run
