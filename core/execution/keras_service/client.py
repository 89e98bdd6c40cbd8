"""The dashboard's side of the Keras service, a separate process that has Keras loaded and handles requests."""

import contextlib
import itertools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from core.data.explain.model_output import ModelOutput
from core.experiment.export_formats import ExportedFile
from core.experiment.run_config import RunConfig
from core.experiment.timings import Timings
from core.machine.devices import CPU, device_environment
from core.machine.keras_backend import BackendError, expect_backend
from core.machine.processes import NEW_GROUP, PROJECT

IDLE_SECONDS = 600.0
"""Without a request for this time, the process exits to free its memory."""

TIMEOUT_SECONDS = 180.0
"""A process that has not replied to a request within this time is considered hung and killed."""

LONG_TIMEOUT_SECONDS = 900.0
"""The same for a learning rate range test or an export, which may decode and process many images."""


class KerasServiceError(RuntimeError):
    """A request to the Keras service failed; the message gives the reason and what to do, in one line."""


class KerasService:
    """Run everything that needs Keras in a separate process: predictions, exports, range tests and timings.

    The process starts at the first request, on the CPU only: the GPUs' memory is for training. It exits together with
    this process, or after `idle_seconds` without a request; the next request then starts another. Several threads may
    send requests at once, and none waits for a model that is loading for another.

    Args:
        idle_seconds: time without a request after which the process exits.
        timeout: seconds to wait for a reply before the process is killed.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS, timeout: float = TIMEOUT_SECONDS) -> None:
        self._idle_seconds, self._timeout = idle_seconds, timeout
        self._lock = threading.Lock()
        self._process: _ServiceProcess | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the service; None if it is not running."""
        return self._process.pid if self._process and self._process.is_alive else None

    def predict(self, model: Path, pixels: np.ndarray) -> ModelOutput:
        """Predict (n, size, size, 3) uint8 images with the model in this file. Raises `KerasServiceError`."""
        output: ModelOutput = self._request("predict", model, pixels)
        return output

    def export(self, run: Path, name: str) -> ExportedFile:
        """Export the model in a run's folder to the format `name`, and measure that file on test images.

        Raises `KerasServiceError`.
        """
        timeout = max(self._timeout, LONG_TIMEOUT_SECONDS)
        file: ExportedFile = self._request("export", run, name, timeout=timeout)
        return file

    def export_ensemble(self, members: Sequence[tuple[Path, float]], held_out: Mapping[str, str]) -> ExportedFile:
        """Export the models of several runs, given as (folder, temperature), to one ONNX file, and measure that file.

        `held_out` is what they together predict for the images that none was trained on, by path. Raises
        `KerasServiceError`.
        """
        timeout = max(self._timeout, LONG_TIMEOUT_SECONDS)
        file: ExportedFile = self._request("export_ensemble", members, held_out, timeout=timeout)
        return file

    def find_rate(self, config: RunConfig, manifest_csv: str, phase: int) -> tuple[tuple[float, float], ...]:
        """Run the learning rate range test of phase number `phase` (from 1).

        Returns pairs of (learning rate, smoothed loss) by rising rate. Raises `KerasServiceError`.
        """
        timeout = max(self._timeout, LONG_TIMEOUT_SECONDS)
        points: tuple[tuple[float, float], ...] = self._request(
            "find_rate", config, manifest_csv, phase, timeout=timeout
        )
        return points

    def preload(self, model: Path) -> None:
        """Start loading a model that will probably be needed; neither waits nor raises an error."""
        with contextlib.suppress(_ProcessEnded, KerasServiceError):
            self._running_process().send("preload", (model,))

    def measure_timings(self, config: RunConfig, classes: int, files: Sequence[Path], depths: Sequence[int]) -> Timings:
        """Measure how fast this machine's CPU trains with these settings and depths. Raises `KerasServiceError`."""
        timings: Timings = self._request("measure_timings", config, classes, files, depths)
        return timings

    def close(self) -> None:
        """End the process; a later request starts another."""
        with self._lock:
            if self._process:
                self._process.kill()
            self._process = None

    def _request(self, name: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Send a request and wait for its result; if the process ends meanwhile, try once more in a new one."""
        for _ in range(2):
            process = self._running_process()
            timer = threading.Timer(timeout or self._timeout, process.kill)
            timer.daemon = True
            timer.start()
            try:
                return process.send(name, arguments).result()
            except _ProcessEnded:
                continue
            finally:
                timer.cancel()
        raise KerasServiceError(
            "Expected a reply from the Keras service; its process ended twice without one. Free "
            "some memory and try again; the dashboard's terminal may show the reason."
        )

    def _running_process(self) -> "_ServiceProcess":
        with self._lock:
            if not self._process or not self._process.is_alive:
                try:
                    self._process = _ServiceProcess(self._idle_seconds)
                except BackendError as error:
                    raise KerasServiceError(str(error)) from error
                except OSError as error:
                    raise KerasServiceError(
                        f"Expected to start the Keras service; received {error.strerror or error}. "
                        "Free some memory and try again."
                    ) from error
            return self._process


class _ProcessEnded(Exception):
    """The process ended before it replied."""


class _ServiceProcess:
    """One process and its pending requests. It exits when this process does, because its stdin is then closed."""

    def __init__(self, idle_seconds: float) -> None:
        expect_backend()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.execution.keras_service.server", "--idle", str(idle_seconds)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            creationflags=NEW_GROUP,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | device_environment(CPU),
        )
        assert self._process.stdin is not None and self._process.stdout is not None  # both are pipes
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.pid, self.is_alive = self._process.pid, True
        self._numbers = itertools.count()
        self._pending: dict[int, Future[Any]] = {}
        self._send_lock, self._state_lock = threading.Lock(), threading.Lock()
        threading.Thread(target=self._read_replies, daemon=True, name="keras-service").start()

    def send(self, name: str, arguments: tuple[Any, ...]) -> Future[Any]:
        """Send a request and return the future of its result. Both this and the future may raise `_ProcessEnded`."""
        number, result = next(self._numbers), Future[Any]()
        with self._state_lock:
            if not self.is_alive:
                raise _ProcessEnded
            self._pending[number] = result
        with self._send_lock:
            try:
                pickle.dump((number, name, arguments), self._stdin, protocol=pickle.HIGHEST_PROTOCOL)
                self._stdin.flush()
            except (OSError, ValueError) as error:  # the pipe is broken or closed
                self.is_alive = False  # the next request must not use this process
                raise _ProcessEnded from error
        return result

    def kill(self) -> None:
        """End the process at once; pending requests raise `_ProcessEnded`."""
        self._process.kill()

    def _read_replies(self) -> None:
        try:
            while True:
                number, value, error = pickle.load(self._stdout)
                result = self._pending.pop(number)
                result.set_exception(KerasServiceError(error)) if error else result.set_result(value)
        except (EOFError, pickle.UnpicklingError, OSError):
            return
        finally:
            self._fail_pending_requests()

    def _fail_pending_requests(self) -> None:
        """Make sure that the process has ended, close the pipes, and let all pending requests fail."""
        with self._state_lock:
            self.is_alive = False
        self._process.kill()  # it may have closed its stdout without exiting
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):  # unsent data cannot be flushed
                pipe.close()
        for result in self._pending.values():
            result.set_exception(_ProcessEnded())
