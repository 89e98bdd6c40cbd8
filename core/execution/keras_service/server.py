"""`python -m core.execution.keras_service.server`: has Keras loaded and answers questions from stdin on stdout.

A question is the pickle of (number, what, arguments), an answer that of (number, value, error in words). Each question
has a thread of its own, so answers come in any order. The process ends when stdin does, which is when whoever asks has
died, and after `--idle` seconds without a question.
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

Answer = Callable[..., Any]


def main(argv: list[str]) -> None:
    """Answer until there is nobody to answer; never returns."""
    parser = argparse.ArgumentParser(prog="python -m core.execution.keras_service.server")
    parser.add_argument("--idle", type=float, default=600.0, help="seconds without a question after which it ends")
    idle = parser.parse_args(argv).idle
    out = _own_stdout()
    desk = RequestServer(_answers(), out)
    threading.Thread(target=_leave_when_idle, args=(desk, idle), daemon=True).start()
    desk.serve(sys.stdin.buffer)
    os._exit(0)  # at once, also while a model loads: nobody waits for it any more


def _own_stdout() -> BinaryIO:
    """Stdout for answers alone: what libraries print there goes to stderr."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Stderr closed for a while: TensorFlow's first words there are addressed to nobody, and no setting stops them."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


def _answers() -> Mapping[str, Answer]:
    """What can be asked."""
    with _silent():
        from core.learning.export.exporter import export_model
        from core.learning.inference.predictor_cache import Predictors
        from core.learning.training.lr_range_test import find_rate
        from core.learning.training.timing import measure_timings

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of several models, each traced once
    predictors = Predictors()
    return {
        "predict": predictors.predict,
        "preload": lambda path: predictors.of(path) and None,
        "export": export_model,
        "measure_pace": measure_timings,
        "find_rate": find_rate,
    }


def _leave_when_idle(desk: "RequestServer", idle: float) -> None:
    while desk.idle() < idle:
        time.sleep(min(idle / 4, 5.0))
    os._exit(0)  # who asks at this very moment finds it gone, and starts another


class RequestServer:
    """Takes questions, gives each to a thread, and sends the answers one after another."""

    def __init__(self, answers: Mapping[str, Answer], out: BinaryIO) -> None:
        self._answers, self._out = answers, out
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._open, self._last = 0, time.monotonic()

    def serve(self, questions: BinaryIO) -> None:
        """Take questions until there are no more."""
        while True:
            try:
                question = pickle.load(questions)
            except (EOFError, pickle.UnpicklingError):
                return
            self._count(1)
            threading.Thread(target=self._answer, args=question, daemon=True).start()

    def idle(self) -> float:
        """Seconds since the last question was answered; 0 while one is open."""
        with self._lock:
            return 0.0 if self._open else time.monotonic() - self._last

    def _count(self, change: int) -> None:
        with self._lock:
            self._open += change
            self._last = time.monotonic()

    def _answer(self, number: int, what: str, arguments: tuple) -> None:
        try:
            value, error = self._answers[what](*arguments), ""
        except ValueError as trouble:  # ours, in words
            value, error = None, first_line(trouble)
        except BaseException as trouble:
            traceback.print_exc()
            value = None
            error = f"The assistant could not answer: {first_line(trouble)}. Try again, with fewer or smaller images."
        self._send((number, value, error))
        self._count(-1)

    def _send(self, answer: tuple[int, Any, str]) -> None:
        with self._sending:
            try:
                pickle.dump(answer, self._out, protocol=pickle.HIGHEST_PROTOCOL)
                self._out.flush()
            except OSError:
                os._exit(0)  # nobody listens any more


if __name__ == "__main__":
    main(sys.argv[1:])
