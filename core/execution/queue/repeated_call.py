"""Call a function again and again in a thread of its own."""

import threading
from collections.abc import Callable

SECONDS = 1.0


class RepeatedCall:
    """Calls `action` every second until it is closed; errors are passed to `report`."""

    def __init__(self, action: Callable[[], None], report: Callable[[Exception], None]) -> None:
        self._action, self._report, self._closed = action, report, threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True, name="repeated call")
        self._thread.start()

    def close(self) -> None:
        """Wait until the current call has ended, and make no other."""
        self._closed.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._closed.wait(SECONDS):
            try:
                self._action()
            except Exception as error:
                self._report(error)  # e.g. a disk that is full at the moment
