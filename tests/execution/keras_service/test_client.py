"""The Keras service, with its real process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
from harness import wait_for

from core.data.datasets.split import split
from core.execution.keras_service.client import KerasService, KerasServiceError
from core.machine.processes import PROJECT

SIZE = 96
PIXELS = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def keras_service() -> Iterator[KerasService]:
    keras_service = KerasService()
    yield keras_service
    keras_service.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[Path]:
    from core.learning.network.model import build_transfer_model

    paths = [tmp_path_factory.mktemp("models") / f"{classes}.keras" for classes in (2, 3)]
    for classes, path in enumerate(paths, start=2):
        build_transfer_model(classes, SIZE, 0.35, "random").save(path)
    return paths


def test_it_predicts_with_several_models_from_several_threads(keras_service, models):
    assert keras_service.pid is None, "nothing starts before the first request"
    with ThreadPoolExecutor(8) as pool:
        predictions = list(
            pool.map(lambda number: keras_service.predict(models[number % 2], PIXELS).probabilities, range(16))
        )
    assert [probabilities.shape for probabilities in predictions] == [(3, 2), (3, 3)] * 8
    assert all((found == predictions[number % 2]).all() for number, found in enumerate(predictions))
    assert len({probabilities.dtype for probabilities in predictions} | {np.dtype(np.float32)}) == 1


def test_it_sees_no_gpu_and_opens_no_port(keras_service, models):
    keras_service.predict(models[0], PIXELS)
    process = psutil.Process(keras_service.pid)
    assert process.environ()["CUDA_VISIBLE_DEVICES"] == "-1"
    assert process.net_connections() == [] and os.getsid(keras_service.pid) != os.getsid(0)


def test_it_finds_a_rate_or_reports_the_error_in_one_line(keras_service, tiny_config, tiny_dataset):
    manifest = split(tiny_dataset).to_csv()
    points = keras_service.find_rate(tiny_config, manifest, 1)
    assert len(points) > 20 and all(low[0] < high[0] for low, high in pairwise(points))
    with pytest.raises(KerasServiceError, match="Expected phase") as caught:
        keras_service.find_rate(tiny_config, manifest, 3)
    assert "\n" not in str(caught.value)


@pytest.mark.faults
def test_a_failed_request_is_one_line_with_advice(keras_service, models, tmp_path):
    (tmp_path / "bad.keras").write_text("no model")
    for path, message in (
        (tmp_path / "gone.keras", "does not exist. Choose"),
        (tmp_path / "bad.keras", "Train it again"),
    ):
        with pytest.raises(KerasServiceError, match=message) as caught:
            keras_service.predict(path, PIXELS)
        assert "\n" not in str(caught.value)
    with pytest.raises(KerasServiceError, match="Expected images as"):
        keras_service.predict(models[0], PIXELS[:, :50])
    keras_service.preload(tmp_path / "gone.keras")
    assert keras_service.predict(models[0], PIXELS).probabilities.shape == (3, 2), "it still handles requests"


@pytest.mark.slow
@pytest.mark.faults
def test_a_killed_process_is_started_again(keras_service, models):
    before = keras_service.predict(models[0], PIXELS).probabilities
    old = keras_service.pid
    os.kill(old, signal.SIGKILL)
    assert (keras_service.predict(models[0], PIXELS).probabilities == before).all() and keras_service.pid not in (
        old,
        None,
    )


@pytest.mark.faults
def test_a_request_whose_process_is_killed_is_repeated_in_a_new_process(keras_service, models):
    keras_service.predict(models[0], PIXELS)
    os.kill(keras_service.pid, signal.SIGSTOP)  # so that the request is still pending
    threading.Timer(0.3, os.kill, (keras_service.pid, signal.SIGKILL)).start()
    assert keras_service.predict(models[0], PIXELS).probabilities.shape == (3, 2)


@pytest.mark.faults
def test_a_process_that_hangs_or_cannot_start_is_an_error(models, monkeypatch):
    hanging = KerasService(timeout=0.2)  # Keras takes longer than that to import
    with pytest.raises(KerasServiceError, match="its process ended twice"):
        hanging.predict(models[0], PIXELS)
    hanging.close()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(KerasServiceError, match="Expected to start the Keras service"):
        KerasService().predict(models[0], PIXELS)


def test_a_request_to_a_loaded_model_does_not_wait_for_a_loading_one(keras_service, models, tmp_path):
    """The other model is a pipe, which loads until it is written to."""
    keras_service.predict(models[0], PIXELS)
    slow = tmp_path / "slow.keras"
    os.mkfifo(slow)
    with ThreadPoolExecutor() as pool:
        loading = pool.submit(keras_service.predict, slow, PIXELS)
        began = time.monotonic()
        assert keras_service.predict(models[0], PIXELS).probabilities.shape == (3, 2)
        assert time.monotonic() - began < 3 and not loading.done()
        slow.open("wb").close()
        with pytest.raises(KerasServiceError):
            loading.result(30)


def test_it_exits_without_requests(models):
    keras_service = KerasService(idle_seconds=0.5)
    assert keras_service.predict(models[0], PIXELS).probabilities.shape == (3, 2)
    process = psutil.Process(keras_service.pid)
    wait_for(lambda: not process.is_running() and keras_service.pid is None)


PRELOAD_AND_SLEEP = """
import sys, time
from pathlib import Path
from core.execution.keras_service.client import KerasService
keras_service = KerasService()
keras_service.preload(Path(sys.argv[1]))
print(keras_service.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.faults
def test_it_exits_when_its_client_is_killed(models):
    client = subprocess.Popen([sys.executable, "-c", PRELOAD_AND_SLEEP, models[0]], cwd=PROJECT, stdout=subprocess.PIPE)
    process = psutil.Process(int(client.stdout.readline()))
    client.kill()
    client.wait()
    client.stdout.close()
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
