"""The Keras service: `python -m core.execution.keras_service.server` reads requests from stdin, replies on stdout.

A request is the pickle of (number, name, arguments), a reply the pickle of (number, value, error message). Each request
has a thread, so replies may come in another order. The process exits when stdin is closed, which happens when the
client has ended, and after `--idle` seconds without a request.
"""

import argparse
import contextlib
import logging
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from core.experiment.runs.errors import first_line

Handler = Callable[..., Any]


def main(argv: list[str]) -> None:
    """Handle requests until stdin is closed; never returns."""
    parser = argparse.ArgumentParser(prog="python -m core.execution.keras_service.server")
    parser.add_argument("--idle", type=float, default=600.0, help="seconds without a request after which it exits")
    idle_seconds = parser.parse_args(argv).idle
    output = _reserve_stdout()
    server = RequestServer(_load_handlers(), output)
    threading.Thread(target=_exit_when_idle, args=(server, idle_seconds), daemon=True).start()
    server.serve(sys.stdin.buffer)
    os._exit(0)  # at once, even while a model loads: the client has ended


def _reserve_stdout() -> BinaryIO:
    """Return stdout for replies only, and redirect what libraries print there to stderr."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output


@contextlib.contextmanager
def _discard_stderr() -> Iterator[None]:
    """Discard stderr within the block: TensorFlow prints notices at import that no setting turns off."""
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


def _load_handlers() -> Mapping[str, Handler]:
    """Import Keras and return the function that handles each request, by the request's name."""
    with _discard_stderr():
        from core.learning.export.ensemble_exporter import export_ensemble
        from core.learning.export.exporter import export_model
        from core.learning.inference.predictor_cache import PredictorCache
        from core.learning.training.lr_range_test import find_rate
        from core.learning.training.timing import measure_timings

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # hides retracing warnings; each model is traced once
    predictors = PredictorCache()
    return {
        "predict": predictors.predict,
        "preload": lambda path: predictors.get(path) and None,
        "export": export_model,
        "export_ensemble": export_ensemble,
        "measure_timings": measure_timings,
        "find_rate": find_rate,
    }


def _exit_when_idle(server: "RequestServer", idle_seconds: float) -> None:
    while server.seconds_idle() < idle_seconds:
        time.sleep(min(idle_seconds / 4, 5.0))
    os._exit(0)  # a request sent at this moment fails, and the client starts another process


class RequestServer:
    """Read requests, handle each in a thread, and write the replies one at a time."""

    def __init__(self, handlers: Mapping[str, Handler], output: BinaryIO) -> None:
        self._handlers, self._output = handlers, output
        self._count_lock, self._write_lock = threading.Lock(), threading.Lock()
        self._open_requests, self._last_activity = 0, time.monotonic()

    def serve(self, requests: BinaryIO) -> None:
        """Read and handle requests until the stream ends."""
        while True:
            try:
                request = pickle.load(requests)
            except (EOFError, pickle.UnpicklingError):
                return
            self._count_open(1)
            threading.Thread(target=self._handle, args=request, daemon=True).start()

    def seconds_idle(self) -> float:
        """Return the seconds since the last reply; 0 while a request is open."""
        with self._count_lock:
            return 0.0 if self._open_requests else time.monotonic() - self._last_activity

    def _count_open(self, change: int) -> None:
        with self._count_lock:
            self._open_requests += change
            self._last_activity = time.monotonic()

    def _handle(self, number: int, name: str, arguments: tuple[Any, ...]) -> None:
        try:
            value, message = self._handlers[name](*arguments), ""
        except ValueError as error:  # raised by core, with a message for the user
            value, message = None, first_line(error)
        except BaseException as error:
            traceback.print_exc()
            value = None
            message = f"The Keras service failed: {first_line(error)}. Try again, with fewer or smaller images."
        self._reply((number, value, message))
        self._count_open(-1)

    def _reply(self, reply: tuple[int, Any, str]) -> None:
        with self._write_lock:
            try:
                pickle.dump(reply, self._output, protocol=pickle.HIGHEST_PROTOCOL)
                self._output.flush()
            except OSError:
                os._exit(0)  # the client has ended


if __name__ == "__main__":
    main(sys.argv[1:])
