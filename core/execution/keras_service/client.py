"""The assistant as the dashboard sees it: a process beside it that has Keras loaded and answers questions."""

import contextlib
import itertools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from core.data.explain.model_output import ModelOutput
from core.experiment.export_formats import ExportedFile
from core.experiment.run_config import RunConfig
from core.experiment.timings import Timings
from core.machine.devices import CPU, environment
from core.machine.processes import PROJECT

IDLE_SECONDS = 600.0
"""Without a question for so long, the process ends and gives its memory back."""

PATIENCE_SECONDS = 180.0
"""A process that leaves a question open for so long hangs."""

LONG_SECONDS = 900.0
"""The same for a range test or an export: many images may have to be decoded and to pass the network."""

_NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # what start_new_session is on Windows


class KerasServiceError(RuntimeError):
    """The assistant could not answer; the message says why and what to do, in one line."""


class KerasService:
    """Does what only Keras can: says what a model sees in images, exports it, finds a rate, measures this machine.

    Its process starts at the first question, on the CPU alone: the GPUs' memory is for training. It ends with the
    process that asks, and when nobody asked for `idle_seconds`; the next question starts another. Threads may ask at
    once, and none waits for a model that another one loads.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS, patience: float = PATIENCE_SECONDS) -> None:
        self._idle_seconds, self._patience = idle_seconds, patience
        self._lock = threading.Lock()
        self._process: _Process | None = None

    @property
    def pid(self) -> int | None:
        """The process that answers; None where there is none now."""
        return self._process.pid if self._process and self._process.is_alive else None

    def predict(self, model: Path, pixels: np.ndarray) -> ModelOutput:
        """What a model sees in (n, size, size, 3) uint8 images. Raises `KerasServiceError`."""
        return self._ask("predict", model, pixels)

    def export(self, run: Path, name: str) -> ExportedFile:
        """Write the model in a run's folder in the format `name`, and run that file on test images.

        Raises `KerasServiceError`.
        """
        return self._ask("export", run, name, patience=max(self._patience, LONG_SECONDS))

    def find_rate(self, config: RunConfig, manifest_csv: str, phase: int) -> tuple[tuple[float, float], ...]:
        """The range test of phase number `phase` (from 1): (learning rate, smoothed loss) by rising rate.

        Raises `KerasServiceError`.
        """
        return self._ask("find_rate", config, manifest_csv, phase, patience=max(self._patience, LONG_SECONDS))

    def preload(self, model: Path) -> None:
        """Load a model for a question that is likely to come; waits for nothing and raises nothing."""
        with contextlib.suppress(_Gone, KerasServiceError):
            self._running().send("preload", (model,))

    def measure_timings(self, config: RunConfig, classes: int, files: Sequence[Path], depths: Sequence[int]) -> Timings:
        """How fast this machine trains at these settings and depths, on the CPU. Raises `KerasServiceError`."""
        return self._ask("measure_pace", config, classes, files, depths)

    def close(self) -> None:
        """End the process; a later question would start it again."""
        with self._lock:
            if self._process:
                self._process.kill()
            self._process = None

    def _ask(self, what: str, *arguments: Any, patience: float | None = None) -> Any:
        """The answer; a process that was killed over the question is asked once more in a new one."""
        for _ in range(2):
            process = self._running()
            alarm = threading.Timer(patience or self._patience, process.kill)
            alarm.daemon = True
            alarm.start()
            try:
                return process.send(what, arguments).result()
            except _Gone:
                continue
            finally:
                alarm.cancel()
        raise KerasServiceError(
            "Expected an answer of the assistant; its process ended twice without one. Free "
            "some memory and try again; the dashboard's terminal may say more."
        )

    def _running(self) -> "_Process":
        with self._lock:
            if not self._process or not self._process.is_alive:
                try:
                    self._process = _Process(self._idle_seconds)
                except OSError as error:
                    raise KerasServiceError(
                        f"Expected to start the assistant; received {error.strerror or error}. "
                        "Free some memory and try again."
                    ) from error
            return self._process


class _Gone(Exception):
    """The process ended before it answered."""


class _Process:
    """One process and its open questions. Ends when this one does: its stdin then ends too."""

    def __init__(self, idle_seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.execution.keras_service.server", "--idle", str(idle_seconds)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            creationflags=_NEW_GROUP,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment(CPU),
        )
        self.pid, self.is_alive = self._process.pid, True
        self._numbers = itertools.count()
        self._open: dict[int, Future] = {}
        self._sending, self._guard = threading.Lock(), threading.Lock()
        threading.Thread(target=self._listen, daemon=True, name="assistant").start()

    def send(self, what: str, arguments: tuple) -> Future:
        """The answer to come. Raises `_Gone`, as the answer may."""
        number, answer = next(self._numbers), Future()
        with self._guard:
            if not self.is_alive:
                raise _Gone
            self._open[number] = answer
        with self._sending:
            try:
                pickle.dump((number, what, arguments), self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
                self._process.stdin.flush()
            except (OSError, ValueError) as error:  # the pipe is broken, or closed already
                self.is_alive = False  # who asks again at once shall not find this one
                raise _Gone from error
        return answer

    def kill(self) -> None:
        """End it at once; open questions raise `_Gone`."""
        self._process.kill()

    def _listen(self) -> None:
        try:
            while True:
                number, value, error = pickle.load(self._process.stdout)
                answer = self._open.pop(number)
                answer.set_exception(KerasServiceError(error)) if error else answer.set_result(value)
        except (EOFError, pickle.UnpicklingError, OSError):
            return
        finally:
            self._bury()

    def _bury(self) -> None:
        with self._guard:
            self.is_alive = False
        self._process.kill()  # it may live on without a stdout
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # what was not sent cannot be any more
                pipe.close()
        for answer in self._open.values():
            answer.set_exception(_Gone())
